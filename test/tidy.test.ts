// The house style where a machine can keep it: opening comments, sizes, and layers that are entered by their doors.
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { importsOf, lineOf, parseSource, sourceFiles } from './sources.ts'
import type { SourceFile } from './sources.ts'

const linesMax = 500
const functionLinesMax = 70

/** Which other layers a layer may import. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  protocol: [],
  client: ['protocol', 'runtime'],
  exactlyonce: ['client', 'runtime'],
  testing: ['protocol', 'runtime']
}

/** Packages that the sources may use; Node's own modules are only_door.test.ts's business. */
const packages = ['crc-32', 'crc-32/crc32c.js', 'snappyjs']

const sources = sourceFiles('src')
const everything = [...sources, ...sourceFiles('test'), ...sourceFiles('examples'), ...sourceFiles('benchmarks')]

function layerOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function layerFaults(file: SourceFile): string[] {
  const from = layerOf(file.path)
  const faults: string[] = []
  for (const { specifier, target, line } of importsOf(file)) {
    const where = `${file.path}:${line} imports ${specifier}`
    if (target === undefined) {
      if (!specifier.startsWith('node:') && !packages.includes(specifier)) faults.push(`${where}, an unknown package`)
      continue
    }
    const to = layerOf(target)
    if (to === from) continue
    if (mayImport[from]?.includes(to) !== true) faults.push(`${where}, but ${from} must not know ${to}`)
    else if (target !== `src/${to}/index.ts`) faults.push(`${where} past the door of ${to}`)
  }
  return faults
}

function valueTargets(file: SourceFile): string[] {
  return importsOf(file).flatMap(({ target, isTypeOnly }) => (isTypeOnly ? [] : (target ?? [])))
}

/** The first circle of imports that is found, as a list of files. What only types need is gone when modules load. */
function findCycle(files: readonly SourceFile[]): string[] | undefined {
  const targets = new Map(files.map((file) => [file.path, valueTargets(file)]))
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): string[] | undefined => {
    const seenAt = trail.indexOf(path)
    if (seenAt >= 0) return [...trail.slice(seenAt), path]
    if (done.has(path)) return undefined
    for (const target of targets.get(path) ?? []) {
      const cycle = walk(target, [...trail, path])
      if (cycle !== undefined) return cycle
    }
    done.add(path)
    return undefined
  }
  for (const { path } of files) {
    const cycle = walk(path, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}

function longFunctions(file: SourceFile): string[] {
  const faults: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const { line: last } = file.tree.getLineAndCharacterOfPosition(node.end)
      const lines = last + 2 - lineOf(file, node)
      if (lines > functionLinesMax) faults.push(`${file.path}:${lineOf(file, node)} has a function of ${lines} lines`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file.tree)
  return faults
}

describe('a source file', () => {
  test('opens with a comment that says what it owns', () => {
    const without = sources.filter(({ lines }) => !/^(\/\/ \S+ \S+|\/\*\*)/.test(lines[0] ?? ''))
    expect(without.map(({ path }) => path)).toEqual([])
  })

  test(`has at most ${linesMax} lines`, () => {
    const long = sources.filter(({ lines }) => lines.length > linesMax)
    expect(long.map(({ path, lines }) => `${path}: ${lines.length}`)).toEqual([])
  })

  test(`has functions of at most ${functionLinesMax} lines`, () => {
    expect(sources.flatMap(longFunctions)).toEqual([])
  })

  test('enters other layers by their doors, downwards only', () => {
    expect(sources.flatMap(layerFaults)).toEqual([])
  })

  test('is not part of a circle of imports', () => {
    expect(findCycle(sources)).toBeUndefined()
  })
})

describe('any file', () => {
  test('leaves nothing to be done', () => {
    const unfinished = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X'].join(''))
    const faults = everything.flatMap(({ path, lines }) =>
      lines.flatMap((line, i) => (unfinished.test(line) ? `${path}:${i + 1}: ${line.trim()}` : []))
    )
    expect(faults).toEqual([])
  })
})

describe('these rules notice', () => {
  test('an import that goes up, past a door, or to a stranger', () => {
    expect(layerFaults(parseSource('src/protocol/a.ts', `import { a } from '../client/index.ts'`))).toHaveLength(1)
    expect(layerFaults(parseSource('src/client/a.ts', `export * from '../protocol/reader.ts'`))).toHaveLength(1)
    expect(
      layerFaults(parseSource('src/client/x/a.ts', `import type { R } from '../../protocol/reader.ts'`))
    ).toHaveLength(1)
    expect(layerFaults(parseSource('src/exactlyonce/a.ts', `await import('../protocol/index.ts')`))).toHaveLength(1)
    expect(layerFaults(parseSource('src/runtime/a.ts', `type A = import('../protocol/index.ts').Reader`))).toHaveLength(
      1
    )
    expect(layerFaults(parseSource('src/client/a.ts', `import x from 'left-pad'`))).toHaveLength(1)
    expect(layerFaults(parseSource('src/client/x/a.ts', `import { a } from '../../protocol/index.ts'`))).toEqual([])
  })

  test('a circle', () => {
    const a = parseSource('src/client/a.ts', `import { b } from './b.ts'`)
    const b = parseSource('src/client/b.ts', `import { c } from './x/c.ts'`)
    const c = parseSource('src/client/x/c.ts', `export { a } from '../a.ts'`)
    expect(findCycle([a, b, c])).toEqual(['src/client/a.ts', 'src/client/b.ts', 'src/client/x/c.ts', 'src/client/a.ts'])
    expect(findCycle([a, b])).toBeUndefined()
    expect(findCycle([a, b, parseSource(c.path, `export type { A } from '../a.ts'`)])).toBeUndefined()
  })

  test('a long function', () => {
    const body = 'f()\n'.repeat(functionLinesMax)
    expect(longFunctions(parseSource('src/a.ts', `const g = () => {\n${body}}`))).toHaveLength(1)
    expect(longFunctions(parseSource('src/a.ts', `class A {\n m() {\n${body}}\n}`))).toHaveLength(1)
    expect(longFunctions(parseSource('src/a.ts', `function g() {\n${body.slice(8)}}`))).toEqual([])
  })
})
