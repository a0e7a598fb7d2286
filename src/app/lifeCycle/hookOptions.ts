import type { Duration } from '../../std/duration.ts'
import type { OptionTable } from '../../std/optionTable.ts'

/** Options of a hook around workers: `app.onWorkerInit(hook, options)`. */
export interface HookOptions {
  // <HOOK_OPTIONS> written by `npm run docs:api` from the table below
  /** How long it may take; longer is a failure. Default: `'30s'` at the start, `'2s'` at the end. */
  timeout?: Duration | undefined
  // </HOOK_OPTIONS>
}

/** Parsed: the time in ms. */
export interface ParsedHookOptions {
  readonly timeout: number | undefined
}

export const HOOK_OPTIONS: OptionTable<HookOptions, ParsedHookOptions> = {
  timeout: {
    kind: 'duration',
    absent: "`'30s'` at the start, `'2s'` at the end",
    doc: 'how long it may take; longer is a failure',
  },
}
