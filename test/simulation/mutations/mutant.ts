// A copy of the built project with one bug in it: the sources are patched, and what the patch changes is emitted anew.
// Owns the copy; nothing of the project itself is touched.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ts from 'typescript'

const emit: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true
}

export class Mutant implements Disposable {
  readonly folder: string

  /** `project` is built. Throws where the patch does not apply. */
  constructor(project: string, patch: string) {
    this.folder = mkdtempSync(join(tmpdir(), 'kafka-once-mutant-'))
    for (const name of ['dist', 'build', 'package.json']) {
      cpSync(join(project, name), join(this.folder, name), { recursive: true })
    }
    symlinkSync(join(project, 'node_modules'), join(this.folder, 'node_modules'))
    const files = changedFiles(readFileSync(patch, 'utf8'))
    for (const file of files) {
      mkdirSync(dirname(join(this.folder, file)), { recursive: true })
      cpSync(join(project, file), join(this.folder, file))
    }
    execFileSync('git', ['apply', '--whitespace=nowarn', patch], { cwd: this.folder, stdio: 'pipe' })
    for (const file of files) this.#emit(file)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #emit(file: string): void {
    const source = readFileSync(join(this.folder, file), 'utf8')
    const { outputText } = ts.transpileModule(source, { compilerOptions: emit, fileName: join(this.folder, file) })
    writeFileSync(join(this.folder, file.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js')), outputText)
  }
}

/** The files of `src` that a patch changes. Throws where it changes anything else. */
export function changedFiles(patch: string): string[] {
  const files = Array.from(patch.matchAll(/^\+\+\+ b\/(\S+)/gm), ([, file]) => file ?? '')
  const strange = files.filter((file) => !/^src\/(client|exactlyonce)\/.*\.ts$/.test(file))
  if (files.length === 0 || strange.length > 0) {
    throw new Error(`A mutation changes files of the client and the engine only, not ${strange.join(', ') || 'none'}`)
  }
  return files
}
