import { rmSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import type { FileThread } from '../../src/recorder/file/fileThread.ts'
import type { FileCalls } from '../../src/recorder/file/recorderFile.ts'
import { Followers } from '../../src/recorder/follow.ts'
import { START, useScene } from './scene.ts'

const newScene = useScene()

/** What one reader gets of a scene's file. */
function open(after?: number) {
  const scene = newScene()
  const calls = (method: keyof FileCalls, ...given: unknown[]) =>
    (scene.file.calls[method] as (...all: unknown[]) => unknown)(...given)
  const thread = { call: async (method: keyof FileCalls, ...given: unknown[]) => calls(method, ...given) }
  const end = new AbortController()
  const followers = new Followers(() => undefined)
  onTestFinished(() => {
    end.abort()
    followers.close()
  })
  const followed = followers.follow(thread as unknown as FileThread, { after, signal: end.signal }, () => START)
  return { scene, followers, next: async () => (await followed.next()).value }
}

it('a number of another file is answered by what is missed, then by all that this one has', async () => {
  const { scene, next } = open(1_000_000)
  scene.write(scene.job('a'))
  expect(await next()).toEqual({ kind: 'missed', after: 1_000_000, before: 1 })
  expect(await next()).toMatchObject({ kind: 'events', events: [{ number: 1, id: 'a' }, { number: 2 }, { number: 3 }] })
})

it('a reader goes on when the file is replaced, as a damaged one is', async () => {
  const { scene, followers, next } = open(0)
  for (const id of ['a', 'b', 'c']) scene.write(scene.job(id))
  expect(await next()).toMatchObject({ kind: 'events', events: { length: 9 } })
  const waiting = next()
  scene.file.close()
  for (const suffix of ['', '-wal', '-shm']) rmSync(scene.path + suffix, { force: true })
  scene.reopen()
  scene.write(scene.job('d'))
  followers.wake()
  expect(await waiting).toEqual({ kind: 'missed', after: 9, before: 1 })
  expect(await next()).toMatchObject({ kind: 'events', events: [{ number: 1, id: 'd' }, { number: 2 }, { number: 3 }] })
})
