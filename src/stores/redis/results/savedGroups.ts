import type { SavedGroup, SavedGroups } from '../../../backend/savedGroups.ts'
import { deserializeObject, type SerializerName, write } from '../../../protocol/serializer.ts'
import { DecodeError } from '../../../std/errors.ts'
import { isRecord } from '../../../std/isRecord.ts'
import type { RedisConnection } from '../connection/connection.ts'

/** How groups are kept. */
interface GroupKeeping {
  /** Before every key. */
  readonly prefix: string
  /** How long, ms; 0: for ever. */
  readonly expires: number
  readonly serializer: SerializerName
  /** Content types that are read. */
  readonly accept: ReadonlySet<string>
}

/** Saved groups under Celery's key of a group. The parts of a chord, whose header it is, are in other keys. */
export class RedisSavedGroups implements SavedGroups {
  readonly #connection: RedisConnection
  readonly #keeping: GroupKeeping

  constructor(connection: RedisConnection, keeping: GroupKeeping) {
    this.#connection = connection
    this.#keeping = keeping
  }

  async save(id: string, group: SavedGroup): Promise<void> {
    const { expires, serializer } = this.#keeping
    // `flat`: a body gets the results of its members in one list, also of those that are groups.
    const { body } = write({ ...group, flat: true }, serializer)
    const life = expires > 0 ? (['PX', Math.ceil(expires)] as const) : []
    await this.#connection.command('SET', this.#key(id), body, ...life)
  }

  async load(id: string): Promise<SavedGroup | undefined> {
    const bytes = (await this.#connection.commandBytes('GET', this.#key(id))) as Buffer | null
    return bytes ? readSavedGroup(bytes, this.#keeping.accept) : undefined
  }

  #key(id: string): string {
    return `${this.#keeping.prefix}celery-taskset-meta-${id}`
  }
}

/** Undefined for what cannot be read. */
export function readSavedGroup(bytes: Uint8Array, accept: ReadonlySet<string>): SavedGroup | undefined {
  try {
    const found = deserializeObject(bytes, accept)
    return isRecord(found) ? found : undefined
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
