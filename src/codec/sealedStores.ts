import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { SerializerName } from '../protocol/encoding.ts'
import { SUCCESS } from '../protocol/states.ts'
import type { OpenStores } from '../stores/open.ts'
import type { Codec } from './codec.ts'
import { SealedBackend } from './sealedBackend.ts'
import { sealedSchedule } from './sealedSchedule.ts'
import { SealedUnitOfWork } from './sealedUnitOfWork.ts'
import { Seals } from './seals.ts'

/** Stores whose payloads are sealed. */
export interface Sealing {
  /** Opens what was kept elsewhere. `opens` and `result` throw CodecError; an input stays sealed then. */
  readonly opening: {
    readonly required: boolean
    result(id: string, result: unknown): unknown
    input(id: string, input: string | Uint8Array): string | Uint8Array
  } & Required<Pick<OpenStores, 'opens'>>
  /** Seals what another unit of work writes. */
  around(unitOfWork: UnitOfWork): UnitOfWork
}

/**
 * These stores, with all payloads sealed. Brokers deliver messages as they are kept: `opens` opens them, so that one is
 * passed on, or put aside, without its key. What keeps large payloads elsewhere belongs into these stores: it then gets
 * them sealed.
 */
export function sealedStores<Opened extends OpenStores>(
  stores: Opened,
  codec: Codec,
  serializer: SerializerName,
): Opened & Sealing {
  const seals = new Seals(codec, serializer)
  return {
    ...stores,
    backend: new SealedBackend(stores.backend, seals),
    unitOfWork: new SealedUnitOfWork(stores.unitOfWork, seals),
    schedule: async (app) => sealedSchedule(await stores.schedule(app), seals.sealer),
    opens: seals.messages.open,
    opening: {
      required: seals.sealer.required,
      opens: seals.messages.open,
      result: (id, result) => seals.records.openKept(id, SUCCESS, result),
      input: (id, input) => seals.messages.openInput(id, input),
    },
    around: (unitOfWork) => new SealedUnitOfWork(unitOfWork, seals),
  }
}
