// Whether Node was told to make no code from text. Asked of the flags and not by trying, which is what the sources do.

export const noCodeGenerationFlag = '--disallow-code-generation-from-strings'

export function mayNotGenerate(): boolean {
  const options = process.env['NODE_OPTIONS'] ?? ''
  return process.execArgv.includes(noCodeGenerationFlag) || options.split(' ').includes(noCodeGenerationFlag)
}
