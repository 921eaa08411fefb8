// Ends a test run with what was not run and why, so that a missing Docker engine or Java is never mistaken for a pass.
import type { Reporter, TestCase, TestModule } from 'vitest/node'

export default class NotRunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const line = `${module.relativeModuleId}: ${reasonOf(test)}`
        counts.set(line, (counts.get(line) ?? 0) + 1)
      }
    }
    if (counts.size === 0) return
    console.log('\nnot run:')
    for (const [line, count] of counts) console.log(`  ${count} test${count === 1 ? '' : 's'} of ${line}`)
  }
}

/** The note given to `context.skip`, else the outermost suite whose name gives one, else the test's own name. */
function reasonOf(test: TestCase): string {
  const result = test.result()
  if (result.state === 'skipped' && result.note !== undefined) return result.note
  return /\(not run: (.*)\)/.exec(test.fullName)?.[1] ?? test.fullName
}
