// Owns the reading of our own source files for the tests that keep the house in order.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export interface SourceFile {
  /** From the project's folder, with slashes: `src/protocol/errors.ts`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  readonly tree: ts.SourceFile
}

export interface Import {
  /** As written. */
  readonly specifier: string
  /** The path of the imported file where it is one of ours. */
  readonly target: string | undefined
  readonly line: number
  /** Whether it is there for types alone and gone when the program runs. */
  readonly isTypeOnly: boolean
}

const root = fileURLToPath(new URL('..', import.meta.url))

export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  return { path, text, lines: text.replace(/\n$/, '').split('\n'), tree }
}

/** All TypeScript files of ours in a folder of the project; benchmarks have installed packages of their own. */
export function sourceFiles(folder: string): SourceFile[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .filter((path) => !path.includes('/node_modules/'))
    .toSorted()
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')))
}

export function lineOf(file: SourceFile, node: ts.Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1
}

/** Everything a file imports or exports again, also by `import()` and in types. */
export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = []
  const visit = (node: ts.Node): void => {
    const name = specifierOf(node)
    if (name !== undefined && ts.isStringLiteralLike(name)) {
      const target = name.text.startsWith('.') ? posix.join(posix.dirname(file.path), name.text) : undefined
      imports.push({ specifier: name.text, target, line: lineOf(file, name), isTypeOnly: isTypeOnly(node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(file.tree)
  return imports
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0]
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal
  return undefined
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  return ts.isImportTypeNode(node)
}
