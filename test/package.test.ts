// What users get: the package as npm packs it from a clean copy, in an empty folder of its own. Its doors open, their
// types are whole, and the programs of the README compile.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const timeoutMs = 240_000

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: Readonly<Record<string, string>>
}
const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const doors = Object.keys(manifest.exports).filter((name) => name !== './package.json')

let work = ''
let user = ''
let files: string[] = []

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'kafka-once-package-'))
  const copy = join(work, 'copy')
  const packed = [
    'src',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'DESIGN.md',
    'LICENSE',
    'NOTICE',
    'docs',
    'examples',
    'benchmarks/README.md'
  ]
  for (const name of packed) cpSync(join(root, name), join(copy, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  // What an earlier build left, of a source that is gone.
  mkdirSync(join(copy, 'dist'))
  writeFileSync(join(copy, 'dist', 'stale.js'), '')
  await run('npm', ['pack', '--silent', '--pack-destination', work], { cwd: copy })
  const archive = readdirSync(work).find((name) => name.endsWith('.tgz')) ?? ''
  user = join(work, 'user')
  const modules = join(user, 'node_modules')
  mkdirSync(join(modules, '@types'), { recursive: true })
  await run('tar', ['xzf', join(work, archive), '-C', modules])
  symlinkSync(join(modules, 'package'), join(modules, 'kafka-once'))
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(user, 'package.json'), JSON.stringify({ type: 'module' }))
  files = readdirSync(join(modules, 'package'), { recursive: true, encoding: 'utf8' })
}, timeoutMs)

afterAll(() => rmSync(work, { recursive: true, force: true }))

test('the package holds what was built from the sources, and what a package must say', () => {
  const top = new Set(files.map((file) => file.split(/[/\\]/)[0]))
  const texts = ['README.md', 'DESIGN.md', 'LICENSE', 'NOTICE', 'docs', 'examples', 'benchmarks', 'src']
  expect(top).toEqual(new Set(['package.json', 'dist', ...texts]))
  expect(files).not.toContain(join('dist', 'stale.js'))
  expect(files.filter((file) => /^src.*\.ts$/.test(file))).toEqual([])
})

test('the links of its README lead somewhere', () => {
  const readme = readFileSync(join(user, 'node_modules', 'package', 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, link = '']) => link)
  expect(links.length).toBeGreaterThanOrEqual(4)
  const lost = links.filter((link) => !files.includes(join(link).replace(/[/\\]$/, '')))
  expect(lost).toEqual([])
})

test(
  'every door of the package opens',
  async () => {
    const names = doors.map((door) => join('kafka-once', door))
    const program = `for (const name of ${JSON.stringify(names)}) {
    const door = await import(name)
    if (Object.keys(door).length === 0) throw new Error(name + ' is empty')
  }`
    await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: user })
  },
  timeoutMs
)

test(
  'the types are whole and the programs of the READMEs compile',
  async () => {
    const programs = ['README.md', 'src/testing/README.md'].flatMap(programsIn)
    expect(programs.length).toBeGreaterThanOrEqual(5)
    for (const [i, program] of programs.entries()) writeFileSync(join(user, `readme_${i}.ts`), program)
    const imports = doors.map((door, i) => `export * as door${i} from '${join('kafka-once', door)}'`)
    writeFileSync(join(user, 'doors.ts'), imports.join('\n'))
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node']
    }
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const outcome = await run(process.execPath, [tsc, '-p', user]).catch((error: unknown) => error)
    expect(Reflect.get(Object(outcome), 'stdout')).toBe('')
  },
  timeoutMs
)

/** The TypeScript of a README; a part that goes on from the one before it stands behind that one. */
function programsIn(path: string): string[] {
  const readme = readFileSync(join(root, path), 'utf8')
  const parts = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, part = '']) => part)
  let start = ''
  return parts.map((part) => {
    if (part.includes('import ')) start = part
    return part === start ? part : `${start}\n${part}`
  })
}
