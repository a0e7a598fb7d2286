import type { ResultBackend } from '../backend/backend.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../std/clock.ts'
import { prefixOf } from './payloadKey.ts'
import type { PayloadConfig } from './payloadOptions.ts'
import { type PayloadOpening, PayloadReader } from './payloadReader.ts'
import { PayloadSweep } from './sweep.ts'
import { PayloadUnitOfWork } from './unitOfWork.ts'
import { Uploads } from './uploads.ts'

/** Keys that are listed at once. */
const PAGE = 1000

/** The stores beside which payloads are kept. */
export interface PayloadStores {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
}

/** The payloads of an app. */
export class Payloads {
  readonly config: PayloadConfig
  readonly reader: PayloadReader
  readonly #clock: Clock
  readonly #resultExpires: number

  /** `resultExpires`: ms, 0 for ever. */
  constructor(config: PayloadConfig, clock: Clock, resultExpires: number, opening?: PayloadOpening) {
    this.config = config
    this.reader = new PayloadReader(config.store, opening)
    this.#clock = clock
    this.#resultExpires = resultExpires
  }

  /** The same payloads, of which a codec seals those that it puts: they are opened when they are read. */
  opened(opening: PayloadOpening): Payloads {
    return new Payloads(this.config, this.#clock, this.#resultExpires, opening)
  }

  /**
   * The unit of work of these stores, which puts large inputs and results here. `waitsElsewhere`: in an outbox, in
   * which the broker finds no message.
   */
  unitOfWork({ broker, unitOfWork }: PayloadStores, waitsElsewhere: boolean = false): UnitOfWork {
    const [clock, resultExpires] = [this.#clock, this.#resultExpires]
    return new PayloadUnitOfWork(unitOfWork, { config: this.config, clock, resultExpires, broker, waitsElsewhere })
  }

  sweepOf({ broker, backend }: PayloadStores): PayloadSweep {
    return new PayloadSweep({ config: this.config, broker, backend, clock: this.#clock })
  }

  /** Undefined without a secret. */
  get uploads(): Uploads | undefined {
    const { secrets } = this.config
    return secrets.length === 0 ? undefined : new Uploads(this.config, secrets, this.#clock)
  }

  /** Keys of all payloads of these jobs. Rejects with StoreUnavailableError. */
  async keysOf(ids: readonly string[]): Promise<readonly string[]> {
    const keys: string[] = []
    for (const prefix of ids.map(prefixOf)) {
      let page: readonly string[]
      let after: string | undefined
      do {
        page = await this.config.store.list({ prefix, after, limit: PAGE })
        keys.push(...page)
        after = page.at(-1)
      } while (page.length === PAGE)
    }
    return keys
  }

  /** Drop all payloads of these jobs. Resolves with how many. Rejects with StoreUnavailableError. */
  async forget(ids: readonly string[]): Promise<number> {
    const keys = await this.keysOf(ids)
    if (keys.length > 0) await this.config.store.delete(keys)
    return keys.length
  }
}
