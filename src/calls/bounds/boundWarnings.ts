import type { Config } from '../../config/config.ts'
import { type BoundUse, NOT_FULL, useText } from './boundUses.ts'

/** Logs what is nearly full: once, and again after there was room. */
export class BoundWarnings {
  readonly #config: () => Config
  readonly #warned = new Set<string>()

  constructor(config: () => Config) {
    this.#config = config
  }

  judge(uses: readonly BoundUse[]): void {
    const { logger } = this.#config()
    for (const use of uses) {
      const { what, option, used, limit, nearlyFull } = use
      if (nearlyFull && !this.#warned.has(what)) {
        this.#warned.add(what)
        logger.warn({ what, option, used, limit }, `nearly full: ${useText(use)}`)
      } else if (used < limit * NOT_FULL && this.#warned.delete(what)) {
        logger.info({ what, option, used, limit }, `not nearly full any more: ${useText(use)}`)
      }
    }
  }
}
