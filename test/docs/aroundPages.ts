import { ONCE_EXAMPLE } from './onceExample.ts'

/** A task module with nothing but its app. */
export const APP: string = "import { Celeriac } from 'celeriac'\nexport const app = new Celeriac()"

/** Pages whose lines need something around them: what it is. Their types are checked, and their commands start a worker. */
export const AROUND: readonly (readonly [page: string, before: string])[] = [
  [
    'choose-a-pool',
    `${APP}
     import { Worker } from 'celeriac/worker'
     const worker = new Worker(app)
     declare function send(to: string): Promise<void>
     declare function shrink(file: string): string
     declare function ffmpeg(file: string): Promise<string>
     declare function ask(name: string): Promise<string>`,
  ],
  [
    'encrypt-payloads',
    `import { z } from 'zod'
     declare function mySeal(bytes: Uint8Array, place: string): Uint8Array
     declare function myOpen(bytes: Uint8Array, key: string | undefined, place: string): Uint8Array
     declare function pay(card: object, sum: number): Promise<string>
     declare const kms: { decrypt(key: string): Promise<Uint8Array> }
     declare const wrappedKey: string`,
  ],
  ['jobs-by-hand', APP],
  ['large-payloads', ''],
  ['run-it-once', APP + ONCE_EXAMPLE],
  ['tune-a-worker', APP],
  ['watch-a-fleet', `${APP}\ndeclare const ctx: import('celeriac').TaskContext`],
  ['what-is-my-worker-doing', APP],
]
