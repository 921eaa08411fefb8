// Sums up the reports of test runs: node count.mjs FOLDER STEPS_FAILED. Tests that were not run count as failed, since in
// CI everything must be there that they need; save that a test which cannot run on the embedded Kafka, or without code
// generation, must have passed in another of the runs. Prints what failed or was not run, then the closing line.
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const [folder, failedSteps] = process.argv.slice(2)
let passed = 0
let failed = Number(failedSteps)

const reports = readdirSync(folder)
  .sort()
  .flatMap((name) => {
    try {
      return [{ name, report: JSON.parse(readFileSync(join(folder, name), 'utf8')) }]
    } catch {
      return [] // a run that left no whole report was counted as a failed step
    }
  })

/** The name of a test in every run, without the reason for which a suite was not run. */
function keyOf(file, test) {
  return `${relative(process.cwd(), file.name)}: ${test.fullName.replace(/ \(not run: .*?\)/, '')}`
}

/** The beginning of a failure's message, which would else stand far above the end of a long log. */
function indented(message) {
  return message.slice(0, 3_000).replaceAll(/^/gm, '    ')
}

const passedOnce = new Set()
for (const { report } of reports) {
  for (const file of report.testResults) {
    for (const test of file.assertionResults) if (test.status === 'passed') passedOnce.add(keyOf(file, test))
  }
}

for (const { name, report } of reports) {
  const before = failed
  let testsSeen = 0
  for (const file of report.testResults) {
    const path = relative(process.cwd(), file.name)
    for (const test of file.assertionResults) {
      testsSeen++
      if (test.status === 'passed') {
        passed++
        continue
      }
      if (test.status !== 'failed' && passedOnce.has(keyOf(file, test))) continue
      failed++
      console.log(`${test.status === 'failed' ? 'failed' : 'not run'}: ${name}: ${path}: ${test.fullName}`)
      for (const message of test.failureMessages ?? []) console.log(indented(message))
    }
    const fileFailed = file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed')
    if (!fileFailed) continue
    failed++
    console.log(`failed: ${path}: ${(file.message ?? '').split('\n')[0]}`)
  }
  if (testsSeen === 0) {
    failed++
    console.log(`not run: ${name} has no tests`)
  } else if (!report.success && failed === before) {
    failed++
    console.log(`failed: ${name}: an error outside of any test`)
  }
}

console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
