import { randomBytes } from 'node:crypto'
import { aesGcm, type Codec } from '../../src/codec/aesGcm.ts'

/** Two keys, of which the second seals. */
export const KEYS: Readonly<Record<string, Uint8Array>> = { old: randomBytes(32), new: randomBytes(32) }

export function codecOf(
  seal: string = 'new',
  keys: Readonly<Record<string, Uint8Array>> = KEYS,
  required: boolean = false,
): Codec {
  return aesGcm({ keys, seal, required })
}
