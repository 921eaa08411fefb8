// Files behave as a crash-safe store needs them to, and fail with Node's codes.
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeRuntime } from 'kafka-once/runtime'

const { files } = nodeRuntime()
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-once-files-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

async function put(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  const handle = await files.create(path, 0o600)
  await handle.write(Buffer.from(text))
  await handle.sync()
  await handle.close()
  return path
}

async function get(path: string): Promise<string> {
  return Buffer.from(await files.read(path, 1000)).toString()
}

test('what is written piece by piece is read as one', async () => {
  const path = join(folder, 'pieces')
  const handle = await files.create(path, 0o600)
  for (const piece of ['one ', '', 'two ', 'three']) await handle.write(Buffer.from(piece))
  await handle.close()
  expect(await get(path)).toBe('one two three')
})

test('a file belongs to its owner alone when that is asked for', async () => {
  expect(statSync(await put('private', 'x')).mode & 0o777).toBe(0o600)
})

test('a name that is taken is refused, by create and by link, and nothing changes', async () => {
  const first = await put('first', '1')
  const second = await put('second', '2')
  await expect(files.create(first, 0o600)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(files.link(second, first)).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await get(first)).toBe('1')
})

test('a file is published under a second name', async () => {
  const from = await put('temporary', 'content')
  const to = join(folder, 'published')
  await files.link(from, to)
  await files.remove(from)
  await files.syncFolder(folder)
  expect(await get(to)).toBe('content')
  expect(await files.list(folder)).toEqual(['published'])
})

test('rename replaces what is there', async () => {
  const from = await put('a', 'new')
  const to = await put('b', 'old')
  await files.rename(from, to)
  expect(await get(to)).toBe('new')
  expect(await files.list(folder)).toEqual(['b'])
})

test('a file is read up to the limit and not beyond', async () => {
  const path = await put('limited', 'x'.repeat(100))
  expect((await files.read(path, 100)).length).toBe(100)
  await expect(files.read(path, 99)).rejects.toMatchObject({ code: 'EFBIG', message: expect.stringContaining('99') })
  expect((await files.read(await put('empty', ''), 0)).length).toBe(0)
})

test('a file that does not tell its size is read to its end, and not beyond the limit', async () => {
  expect(Buffer.from(await files.read('/proc/self/stat', 10_000)).toString()).toContain(`${process.pid} (`)
  await expect(files.read('/proc/self/stat', 10)).rejects.toMatchObject({ code: 'EFBIG' })
})

test('a file that grows while it is read gives its end or a refusal', async () => {
  const path = join(folder, 'growing')
  writeFileSync(path, 'x'.repeat(1000))
  const reading = files.read(path, 100_000)
  for (let i = 0; i < 50; i++) appendFileSync(path, 'y'.repeat(100))
  const { length } = await reading
  expect(length).toBeGreaterThanOrEqual(1000)
  expect(length).toBeLessThanOrEqual(6000)
})

test('what is missing is told by its code', async () => {
  const missing = join(folder, 'missing')
  await expect(files.read(missing, 10)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.remove(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.list(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.link(missing, join(folder, 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.rename(missing, join(folder, 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.syncFolder(missing)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('folders are made with their parents, and may be there already', async () => {
  const deep = join(folder, 'a', 'b', 'c')
  await files.mkdir(deep, 0o700)
  await files.mkdir(deep)
  expect(statSync(deep).mode & 0o777).toBe(0o700)
  expect(await files.list(deep)).toEqual([])
})

test('a folder that cannot be made is told at once, and nothing waits for ever', async () => {
  const file = await put('file', '')
  await expect(files.mkdir(file)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(files.mkdir(join(file, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  if (process.platform === 'linux') await expect(files.mkdir('/proc/a/b')).rejects.toMatchObject({ code: 'ENOENT' })
})
