// Builds the package and the programs that tests start as child processes, as `npm run build:programs` does, but only
// when a source has changed since. Type errors are the business of `npm run types`: what could be emitted is run.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from './jars.ts'
import { run, withFileLock } from './processes.ts'

const sourceFolders = [
  'src',
  'examples',
  'benchmarks',
  'test/broker',
  'test/faults',
  'test/fuzz',
  'test/programs',
  'test/proofs',
  'test/simulation',
  'test/protocol',
  'test/proxy'
]
const settingsFiles = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.programs.json']
/** What each step writes, by which its last build is known to be there, and how it is called. */
const steps = [
  ['dist/protocol', '-p', 'tsconfig.build.json', '--noCheck', '--declaration', 'false'],
  ['build/test', '-p', 'tsconfig.programs.json']
] as const
const buildTimeoutMs = 180_000

export async function buildPrograms(): Promise<void> {
  const folder = projectFolder()
  const build = join(folder, 'build')
  mkdirSync(build, { recursive: true })
  const stamp = join(build, '.sources')
  await withFileLock(`${stamp}.lock`, async () => {
    const wanted = stampOf(folder)
    const isThere = steps.every(([output]) => existsSync(join(folder, output)))
    if (isThere && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
    const compiler = join(folder, 'node_modules', 'typescript', 'bin', 'tsc')
    const outputs: string[] = []
    for (const [, ...args] of steps) {
      const built = await run(process.execPath, [compiler, ...args], { cwd: folder, timeoutMs: buildTimeoutMs })
      if (built.code !== 0) outputs.push(built.stdout + built.stderr)
    }
    if (outputs.length === 0) writeFileSync(stamp, wanted)
    else console.warn(`the programs were built with errors; what was emitted is used:\n${head(outputs.join(''))}`)
  })
}

function stampOf(folder: string): string {
  const hash = createHash('sha256')
  const sources = sourceFolders.flatMap((name) => sourcesIn(join(folder, name)).map((file) => join(name, file)))
  for (const name of [...settingsFiles, ...sources.toSorted()]) {
    const { mtimeMs, size } = statSync(join(folder, name))
    hash.update(`${name} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}

function sourcesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
}

function head(text: string): string {
  return text.trim().split('\n').slice(0, 10).join('\n')
}
