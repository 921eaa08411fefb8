// Tests import the package by its public names, which stand for the sources here.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^kafka-once$/, replacement: source('./src/client/index.ts') },
      { find: /^kafka-once\/(protocol|exactlyonce|runtime)$/, replacement: source('./src/$1/index.ts') }
    ]
  },
  test: { include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 120_000 }
})
