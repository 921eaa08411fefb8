// What a power cut may take, by trying many of them on one state of the disk.
import { describe, expect, test } from 'vitest'
import { Chance } from '../../src/testing/simulation/chance.ts'
import { Disk } from '../../src/testing/simulation/disk.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const bytes = (string: string): Uint8Array => Buffer.from(string)

function codeOf(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
  return undefined
}

function write(disk: Disk, path: string, content: string, isSafe: boolean): void {
  const file = disk.create(path)
  file.write(bytes(content))
  if (isSafe) file.sync()
  file.close()
}

function tidy(): Disk {
  const disk = new Disk()
  disk.mkdir('/data/jobs')
  disk.syncFolder('/')
  disk.syncFolder('/data')
  return disk
}

/** What is found in the folder after a power cut, over many of them, each on a disk prepared alike. */
function remains(prepare: (disk: Disk) => void): Set<string> {
  const found = new Set<string>()
  for (let seed = 0; seed < 300; seed++) {
    const disk = tidy()
    prepare(disk)
    disk.losePower(new Chance(seed))
    found.add(
      disk
        .list('/data/jobs')
        .map((name) => `${name}=${text(disk.read(`/data/jobs/${name}`)).replaceAll('\0', '0')}`)
        .join(' ')
    )
  }
  return found
}

describe('before a power cut', () => {
  test('calls do what Node does, and fail with its codes', () => {
    const disk = tidy()
    write(disk, '/data/jobs/a', 'one', false)
    disk.link('/data/jobs/a', '/data/jobs/b')
    disk.rename('/data/jobs/b', '/data/jobs/c')
    expect(disk.list('/data/jobs')).toEqual(['a', 'c'])
    disk.remove('/data/jobs/a')
    expect(text(disk.read('/data/jobs/c'))).toBe('one')
    expect(codeOf(() => disk.read('/data/jobs/a'))).toBe('ENOENT')
    expect(codeOf(() => disk.read('/data/jobs/c', 2))).toBe('EFBIG')
    expect(codeOf(() => disk.create('/data/jobs/c'))).toBe('EEXIST')
    expect(codeOf(() => disk.link('/data/jobs/c', '/data/jobs/c'))).toBe('EEXIST')
    expect(codeOf(() => disk.list('/data/none'))).toBe('ENOENT')
    expect(codeOf(() => disk.create('/none/a'))).toBe('ENOENT')
    disk.mkdir('/data/jobs')
  })

  test('a full disk keeps a part of what is written', () => {
    const disk = tidy()
    disk.faults = (call) => (call === 'write' ? 'ENOSPC' : undefined)
    expect(codeOf(() => write(disk, '/data/jobs/a', 'four', true))).toBe('ENOSPC')
    expect(text(disk.read('/data/jobs/a'))).toBe('fo')
  })
})

describe('after a power cut', () => {
  test('content and name that were made safe are there', () => {
    const found = remains((disk) => {
      write(disk, '/data/jobs/a', 'one', true)
      disk.syncFolder('/data/jobs')
    })
    expect(found).toEqual(new Set(['a=one']))
  })

  test('a name that was not made safe is there or not, its content is whole', () => {
    expect(remains((disk) => write(disk, '/data/jobs/a', 'one', true))).toEqual(new Set(['', 'a=one']))
  })

  test('content that was not made safe may be torn, or zeros', () => {
    const found = remains((disk) => {
      write(disk, '/data/jobs/a', 'one', false)
      disk.syncFolder('/data/jobs')
    })
    for (const one of ['a=', 'a=o', 'a=on', 'a=one', 'a=000', 'a=o00']) expect(found).toContain(one)
  })

  test('changes of names are lost in any combination, a rename is lost whole', () => {
    const found = remains((disk) => {
      write(disk, '/data/jobs/a', 'one', true)
      disk.syncFolder('/data/jobs')
      disk.link('/data/jobs/a', '/data/jobs/b')
      disk.rename('/data/jobs/a', '/data/jobs/c')
    })
    expect(found).toEqual(new Set(['a=one', 'a=one b=one', 'b=one c=one', 'c=one']))
  })

  test('a removed name may be back', () => {
    const found = remains((disk) => {
      write(disk, '/data/jobs/a', 'one', true)
      disk.syncFolder('/data/jobs')
      disk.remove('/data/jobs/a')
    })
    expect(found).toEqual(new Set(['', 'a=one']))
  })

  test('what is left stays, whatever comes', () => {
    const disk = tidy()
    write(disk, '/data/jobs/a', 'one', false)
    disk.losePower(new Chance(5))
    const left = disk.list('/data/jobs')
    for (let seed = 0; seed < 20; seed++) disk.losePower(new Chance(seed))
    expect(disk.list('/data/jobs')).toEqual(left)
  })
})
