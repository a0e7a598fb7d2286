import { isRecord } from '../std/isRecord.ts'
import { decodePlain } from './decoding.ts'

/*
 * The bodies of the members of one header: JSON of `[args, kwargs, embed]`, which ends with the same text in each of
 * them, as the embed has the body of the chord. That text is parsed once.
 */

/** The parts of a body. */
export type BodyParts = readonly [args: unknown, kwargs: unknown, embed: Readonly<Record<string, unknown>>]

/** How an embed begins, here and in Celery. */
const EMBED_START = '{"callbacks"'
/** How a body ends whose task is no member of a header: such an embed is rarely seen twice. */
const NO_CHORD = /"chord": ?null\}\]$/
/** Texts that are kept, and characters of the longest. */
const MAX_TEXTS = 64
const MAX_CHARS = 16_384

/** Embeds by the ends of bodies, frozen; the oldest first. */
const embeds = new Map<string, BodyParts[2]>()

/**
 * Read the body of a member of a header; undefined for any other body, and for one that cannot be read. Bodies that end
 * alike get the same embed, which is frozen.
 */
export function readMemberBody(text: string): BodyParts | undefined {
  const at = text.lastIndexOf(EMBED_START)
  if (at === -1 || text.length - at > MAX_CHARS || NO_CHORD.test(text)) return undefined
  const call = text.slice(0, at).trimEnd()
  if (!call.endsWith(',')) return undefined
  const end = text.slice(at)
  try {
    const embed = embeds.get(end) ?? embedOf(end)
    if (!embed) return undefined
    const parts = decodePlain(`${call.slice(0, -1)}]`)
    return Array.isArray(parts) && parts.length === 2 ? [parts[0], parts[1], embed] : undefined
  } catch {
    // The text was not what it looked like, or all of it is unreadable: then the whole is read, and says so.
    return undefined
  }
}

/** Undefined for what has typed objects, which cannot be shared. */
function embedOf(end: string): BodyParts[2] | undefined {
  if (end.includes('"__type__"')) return undefined
  const value = decodePlain(`[${end}`)
  const embed: unknown = Array.isArray(value) && value.length === 1 ? value[0] : undefined
  if (!isRecord(embed)) return undefined
  freeze(embed)
  const [oldest] = embeds.size < MAX_TEXTS ? [] : embeds.keys()
  if (oldest !== undefined) embeds.delete(oldest)
  embeds.set(end, embed)
  return embed
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const item of Object.values(value)) freeze(item)
  Object.freeze(value)
}
