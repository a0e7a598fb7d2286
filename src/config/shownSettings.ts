import { type AnyRow, readOptions } from '../std/optionTable.ts'
import { APP_OPTIONS } from './appOptions.ts'
import type { Config } from './config.ts'

/** What is shown in place of what may be a secret. */
const SECRET = '********'
/** Options that are code. */
const CODE: ReadonlySet<string> = new Set(['clock', 'logger', 'context', 'request', 'routes'])
/** Always shown. */
const MAIN_STORES: ReadonlySet<string> = new Set(['broker', 'backend'])
/** Their values are URLs. */
const STORES: ReadonlySet<string> = new Set([...MAIN_STORES, 'limits'])

/**
 * The settings of an app for people, by Celery's names, or, where Celery has no such setting, by ours; times in
 * seconds, and nothing that may be a secret. Without `withDefaults` those that differ from the default.
 */
export function shownSettings(config: Config, withDefaults: boolean): Readonly<Record<string, unknown>> {
  const { recorder } = config
  const recorderSetting = recorder.mode === 'asked' ? undefined : recorder.mode === 'on'
  const values: Readonly<Record<string, unknown>> = { ...config, recorder: recorderSetting }
  const defaults = readOptions(APP_OPTIONS, {}, 'Celeriac', '') as unknown as Readonly<Record<string, unknown>>
  const rows = Object.entries(APP_OPTIONS as unknown as Readonly<Record<string, AnyRow>>)
  return Object.fromEntries(
    rows.flatMap(([name, row]) => {
      if (CODE.has(name)) return []
      const value = shownSetting(name, row, values[name])
      const isShown = withDefaults || MAIN_STORES.has(name) || !isSame(value, shownSetting(name, row, defaults[name]))
      return isShown ? [[row.celery ?? name, value] as const] : []
    }),
  )
}

function shownSetting(name: string, { kind }: AnyRow, value: unknown): unknown {
  if (value === undefined) return null
  if (STORES.has(name)) return String(value)
  // Of plain values alone: another object may have secrets.
  if (typeof value === 'object' && !Array.isArray(value) && name !== 'queues') return SECRET
  return kind === 'duration' && typeof value === 'number' ? value / 1000 : value
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
