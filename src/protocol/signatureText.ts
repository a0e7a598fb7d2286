import { shown } from '../std/validate.ts'
import { chordParts, tasksOf } from './canvas.ts'
import { canvasOf, readSignature, type SignatureData } from './signature.ts'

/** Most members, steps or arguments that are shown, and longest argument, in characters. */
const MAX_SHOWN = 3
const MAX_ARGUMENT_CHARS = 40
/** Deepest workflow in others that is shown. */
const MAX_DEPTH = 4

/** A signature as it was written, for people: `chain(add.s(1, 2), text.s())`. Long parts are cut. Never throws. */
export function signatureText(signature: SignatureData, depth: number = 0): string {
  const kind = canvasOf(signature)
  if (depth > MAX_DEPTH) return '…'
  try {
    if (kind === 'chain') return `chain(${listText(tasksOf(signature, ''), depth)})`
    if (kind === 'group') return `group([${listText(tasksOf(signature, ''), depth)}])`
    if (kind === 'chord') {
      const { header, body } = chordParts(signature, '')
      return `chord([${listText(header, depth)}], ${signatureText(body, depth + 1)})`
    }
    return MAPS.has(signature.task) ? mapText(signature) : callText(signature)
  } catch {
    // Data of another program may have any form; this is for people.
    return signature.task
  }
}

const MAPS: ReadonlySet<string> = new Set(['celery.map', 'celery.starmap', 'celery.chunks'])

function mapText({ task, kwargs }: SignatureData): string {
  const inner = readSignature(kwargs.task, '')
  const items = Array.isArray(kwargs.it) ? kwargs.it.length : 0
  return `${inner.task}.${task.replace('celery.', '')}(${items === 1 ? '1 item' : `${items} items`})`
}

function callText({ task, args, kwargs, immutable }: SignatureData): string {
  const named = Object.entries(kwargs).map(([name, value]) => `${name}: ${argumentText(value)}`)
  const list = args.slice(0, MAX_SHOWN).map(argumentText)
  const all = [...list, ...moreText(args.length), ...(named.length > 0 ? [`{ ${cut(named).join(', ')} }`] : [])]
  return `${task}.${immutable ? 'si' : 's'}(${all.join(', ')})`
}

function argumentText(value: unknown): string {
  const text = shown(value)
  return text.length > MAX_ARGUMENT_CHARS ? `${text.slice(0, MAX_ARGUMENT_CHARS)}…` : text
}

function listText(members: readonly SignatureData[], depth: number): string {
  const texts = members.slice(0, MAX_SHOWN).map((member) => signatureText(member, depth + 1))
  return [...texts, ...moreText(members.length)].join(', ')
}

function cut(texts: readonly string[]): readonly string[] {
  return [...texts.slice(0, MAX_SHOWN), ...moreText(texts.length)]
}

function moreText(count: number): readonly string[] {
  return count > MAX_SHOWN ? [`… ${count - MAX_SHOWN} more`] : []
}
