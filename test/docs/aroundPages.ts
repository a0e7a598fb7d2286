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

/** Pages whose blocks stand alone, and what each block needs besides the names of the package and its own app. */
export const APART: readonly (readonly [page: string, before: string])[] = [
  ['after-an-outage', ''],
  ['be-fair-to-tenants', "import { z } from 'zod'"],
  ['forget-what-a-customer-sent', ''],
  ['handle-in-batches', ''],
  [
    'how-large-may-it-grow',
    `import { QueueFullError } from 'celeriac'
     declare const preview: import('celeriac').Task<[document: string], void>
     declare const document: string
     declare function showOldPreview(): void`,
  ],
  ['limit-what-runs', "import { z } from 'zod'"],
]

/** A block of such a page as a module of its own; `…` stands for code that is left out. */
export function blockModule(block: string, before: string): string {
  const imported = /import \{[^}]*\bCeleriac\b/.test(block) ? '' : "import { Celeriac } from 'celeriac'\n"
  const app = /\bconst app\b/.test(block) ? '' : 'declare const app: Celeriac\n'
  return `${before}\n${imported}${app}${block.replaceAll('{ … }', '{}')}\nexport {}`
}
