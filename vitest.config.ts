// Tests import the package by its public names, which stand for the sources here. Four kinds of suites, told by the end
// of their file's name: `*.kafka.test.ts` needs a Kafka; `*.compatibility.test.ts` too, and sets it or us beside Kafkas
// of other versions and other people's programs, which takes minutes; `*.container.test.ts` needs a Docker engine, the
// rest nothing.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const kafkaSuites = 'test/**/*.kafka.test.ts'
const compatibilitySuites = 'test/**/*.compatibility.test.ts'
const containerSuites = 'test/**/*.container.test.ts'

export default defineConfig({
  resolve: {
    alias: [
      { find: /^kafka-once$/, replacement: source('./src/client/index.ts') },
      { find: /^kafka-once\/(protocol|exactlyonce|runtime|testing)$/, replacement: source('./src/$1/index.ts') }
    ]
  },
  test: {
    // One more than the processors that CI has: suites wait for brokers more than they compute.
    maxWorkers: 3,
    // What is waited for takes far longer beside load than the second that is usual.
    expect: { poll: { timeout: 10_000 } },
    // CI prints the message of a failure without the difference below it, so that the values must be in the message.
    chaiConfig: { truncateThreshold: 2_000 },
    reporters: ['default', './test/not_run_reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [kafkaSuites, compatibilitySuites, containerSuites],
          testTimeout: 30_000,
          hookTimeout: 120_000
        }
      },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: [kafkaSuites],
          globalSetup: ['./test/broker/global_setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000
        }
      },
      {
        extends: true,
        test: {
          name: 'compatibility',
          include: [compatibilitySuites],
          globalSetup: ['./test/broker/global_setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000
        }
      },
      {
        extends: true,
        test: {
          name: 'container',
          include: [containerSuites],
          globalSetup: ['./test/broker/container_setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 400_000
        }
      }
    ]
  }
})
