import type { Prepared } from '../calls/prepareCall.ts'
import type { Stores } from '../calls/stores.ts'
import type { CeleriacOptions, Config } from '../config/config.ts'

/** Stores and settings that replace those of an app for a while: `testApp` of `celeriac/testing` makes them. */
export interface Override {
  /** The others stay. */
  readonly options: Pick<
    CeleriacOptions,
    'broker' | 'backend' | 'alwaysEager' | 'unknownTaskTimeout' | 'clock' | 'logger'
  >
  /** Opens the stores, whatever their URLs are. */
  open(config: Config): Stores
  /** Around all code of the user that a worker runs: a task, or the hooks after its end. `name` is the task's. */
  around<Result>(name: string, id: string, run: () => Promise<Result>): Promise<Result>
  /** A call of this app was sent: the store has it. */
  sent(prepared: Prepared): void
}
