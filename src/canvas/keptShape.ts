import type { NoteStore } from '../backend/notes.ts'
import { isRecord } from '../std/isRecord.ts'
import { readShape, type Shape } from './shape.ts'

/** A workflow that was sent: what is kept of it, so that its tasks are known before they are sent. */
export interface KeptWorkflow {
  /** What its ids are derived from: `normalForm`. */
  readonly id: string
  /** Id of the task that runs first, or of the first of those. */
  readonly rootId: string
  readonly shape: Shape
}

/** Longest shape that is kept, characters: only a workflow of very many different tasks has a longer one. */
const MAX_SHAPE_CHARS = 262_144

/**
 * Keep the shape of a workflow, as two notes: under the id of its first task, and where that is another, under the id
 * of its result.
 */
export async function keepWorkflow(
  { id, rootId, shape }: KeptWorkflow,
  resultId: string,
  notes: Pick<NoteStore, 'put'>,
  expires: number,
): Promise<void> {
  const value = JSON.stringify({ id, shape })
  if (value.length > MAX_SHAPE_CHARS) return
  const writes = [notes.put({ key: keyOf(rootId), value, expires })]
  if (resultId !== rootId) writes.push(notes.put({ key: keyOf(resultId), value: JSON.stringify({ rootId }), expires }))
  await Promise.all(writes)
}

/** The workflow that has this id: of its first task, or of its result. Undefined where none is kept. */
export async function keptWorkflow(id: string, notes: NoteStore): Promise<KeptWorkflow | undefined> {
  const found = parse(await notes.get(keyOf(id)))
  const rootId = typeof found?.rootId === 'string' ? found.rootId : id
  const kept = rootId === id ? found : parse(await notes.get(keyOf(rootId)))
  const shape = readShape(kept?.shape)
  return shape && typeof kept?.id === 'string' ? { id: kept.id, rootId, shape } : undefined
}

function parse(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const value: unknown = text === undefined ? undefined : JSON.parse(text)
  return isRecord(value) ? value : undefined
}

function keyOf(id: string): string {
  return `workflow:${id}`
}
