// Clocks, timers, randomness, sockets, files and the process are reached through src/runtime alone, so that everything
// else runs the same under a simulated runtime.
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { importsOf, lineOf, parseSource, sourceFiles } from '../sources.ts'
import type { SourceFile } from '../sources.ts'

/** Names of the world outside, as free variables. */
const forbiddenGlobals = new Set([
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'process',
  'crypto',
  'fetch',
  'WebSocket',
  'EventSource',
  'navigator',
  'require',
  'globalThis',
  'global'
])

/** Members that reach outside, of globals that are otherwise harmless. */
const forbiddenMembers = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout', 'Atomics.wait'])

/** Modules of Node that only compute. */
const harmlessModules = new Set([
  'node:assert',
  'node:async_hooks',
  'node:buffer',
  'node:diagnostics_channel',
  'node:events',
  'node:path',
  'node:stream',
  'node:util'
])

function faultsOf(file: SourceFile): string[] {
  const faults: string[] = []
  for (const { specifier, target, line } of importsOf(file)) {
    if (target === undefined && specifier.startsWith('node:') && !harmlessModules.has(specifier)) {
      faults.push(`${file.path}:${line} imports ${specifier}`)
    }
  }
  const visit = (node: ts.Node): void => {
    const name = reachesOut(node)
    if (name !== undefined) faults.push(`${file.path}:${lineOf(file, node)} uses ${name}`)
    if (!ts.isTypeNode(node)) ts.forEachChild(node, visit)
  }
  visit(file.tree)
  return faults
}

function reachesOut(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const member = `${node.expression.getText()}.${node.name.text}`
    return forbiddenMembers.has(member) ? member : undefined
  }
  // A date made from a given time only computes; without one it reads the clock.
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date') {
    return (node.arguments?.length ?? 0) === 0 ? 'new Date()' : undefined
  }
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return 'Date()'
  if (!ts.isIdentifier(node) || !forbiddenGlobals.has(node.text)) return undefined
  return isVariable(node) && !isDeclaredAround(node) ? node.text : undefined
}

function isVariable(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isShorthandPropertyAssignment(parent)) return true
  if (ts.isPropertyAssignment(parent) || ts.isBindingElement(parent)) return parent.initializer === node
  const isName = 'name' in parent && parent.name === node
  return !isName && !ts.isImportSpecifier(parent) && !ts.isExportSpecifier(parent) && !ts.isQualifiedName(parent)
}

/** Whether a parameter or a variable of that name hides the global one. */
function isDeclaredAround(node: ts.Identifier): boolean {
  for (let scope: ts.Node = node.parent; !ts.isSourceFile(scope); scope = scope.parent) {
    if (ts.isFunctionLike(scope) && scope.parameters.some(({ name }) => binds(name, node.text))) return true
    if (!ts.isBlock(scope) && !ts.isCaseOrDefaultClause(scope)) continue
    for (const statement of scope.statements) {
      if (!ts.isVariableStatement(statement)) continue
      if (statement.declarationList.declarations.some(({ name }) => binds(name, node.text))) return true
    }
  }
  return false
}

function binds(name: ts.BindingName, text: string): boolean {
  if (ts.isIdentifier(name)) return name.text === text
  return name.elements.some((element) => ts.isBindingElement(element) && binds(element.name, text))
}

test('nothing but src/runtime touches the world outside', () => {
  const others = sourceFiles('src').filter(({ path }) => !path.startsWith('src/runtime/'))
  expect(others.length).toBeGreaterThan(10)
  expect(others.flatMap(faultsOf)).toEqual([])
})

describe('this rule', () => {
  test.each([
    'const now = Date.now()',
    'const now = new Date()',
    'const now = new Date',
    'const text = Date()',
    'const now = performance.now()',
    'setTimeout(f, 1)',
    'const f = setImmediate',
    'call({ setInterval })',
    'const x = Math.random()',
    'const pid = process.pid',
    'const id = crypto.randomUUID()',
    'const s = AbortSignal.timeout(5)',
    'globalThis.setTimeout(f, 1)',
    'function f() { return process.pid } function g(process: Process) { return process }',
    'function f(a = process.pid) { return a }',
    `import { connect } from 'node:net'`,
    `import type { Socket } from 'node:tls'`,
    `export { readFile } from 'node:fs/promises'`,
    `const fs = await import('node:fs')`,
    `import zlib from 'node:zlib'`
  ])('notices %s', (text) => {
    expect(faultsOf(parseSource('src/client/a.ts', text))).toHaveLength(1)
  })

  test.each([
    'const text = new Date(ms).toISOString()',
    'runtime.setTimer(5, f)',
    'const me = runtime.process.pid',
    'const runtime = { process: identity, setTimeout: f }',
    'class A { get process() { return 1 } }',
    'function f({ process: other }: Options) { return other }',
    'function f(process: Process) { return () => process(1) }',
    'function f() { const { a: [process] } = operator; return { process } }',
    'let until: Date | undefined',
    '// setTimeout in a comment',
    `const text = 'setTimeout'`,
    'const most = Math.max(1, 2)',
    `import { EventEmitter } from 'node:events'`
  ])('lets pass %s', (text) => {
    expect(faultsOf(parseSource('src/client/a.ts', text))).toEqual([])
  })
})
