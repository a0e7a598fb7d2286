import { basename, dirname, extname, join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { defaultStore } from '../config/defaultStore.ts'
import { sqlitePath } from '../stores/sqlite/url.ts'

/** A record in memory: of an app whose store is there, too. */
export const IN_MEMORY = ':memory:'

const DEFAULT_FILE = 'celeriac-recorder.db'

/** The recorder's file of an app. */
export function recorderFileOf({ broker, backend, recorder, folder }: Config): string {
  if (recorder.file !== undefined) return recorder.file === IN_MEMORY ? IN_MEMORY : resolve(recorder.file)
  if (broker.scheme === 'memory') return IN_MEMORY
  const store = [broker, backend].find(({ scheme }) => scheme === 'sqlite')
  if (store) return beside(sqlitePath(store.reveal()))
  const { url } = defaultStore({ folder, main: process.argv[1], execArgv: process.execArgv, cwd: process.cwd() })
  return join(dirname(sqlitePath(url)), DEFAULT_FILE)
}

function beside(store: string): string {
  const extension = extname(store)
  return join(dirname(store), `${basename(store, extension)}-recorder.db`)
}

/** The fleet whose events an app receives: its broker, without user and password. */
export function fleetOf({ broker, keyPrefix }: Config): string {
  if (broker.scheme === 'sqlite') return `sqlite:${sqlitePath(broker.reveal())}`
  const url = URL.canParse(broker.reveal()) ? new URL(broker.reveal()) : undefined
  const place = url?.host ? `${url.protocol}//${url.host}${url.pathname}` : String(broker)
  return keyPrefix === '' ? place : `${place} (keyPrefix ${keyPrefix})`
}
