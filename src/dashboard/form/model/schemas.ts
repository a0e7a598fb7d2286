import { isList, isObject, stepsOf } from './json.ts'
import { merge } from './merge.ts'
import type { AnySchema, Schema } from './schema.ts'

/** What is the same for all schemas of one document: it has the definitions that they refer to. */
export class Schemas {
  readonly #document: unknown
  readonly #known = new Map<AnySchema, Schema>()

  constructor(document: unknown) {
    this.#document = document
  }

  /** The schema without references and `allOf`: of one level, what is inside is resolved when it is needed. */
  of(given: AnySchema | undefined): Schema {
    if (given === undefined || given === true) return ANY
    const known = this.#known.get(given)
    if (known) return known
    const found = this.#resolve(given, [])
    this.#known.set(given, found)
    return found
  }

  #resolve(given: AnySchema, refs: readonly string[]): Schema {
    if (typeof given === 'boolean') return given ? ANY : NOTHING
    if (!isObject(given)) return ANY
    const { $ref, allOf, ...own } = given as Schema
    let found: Schema = own
    if (typeof $ref === 'string' && !refs.includes($ref))
      found = merge(this.#resolve(this.#at($ref), [...refs, $ref]), found)
    for (const part of isList(allOf) ? (allOf as readonly AnySchema[]) : [])
      found = merge(this.#resolve(part, refs), found)
    return found
  }

  /** What is at a reference; anything is allowed where nothing is there. */
  #at(ref: string): AnySchema {
    if (!ref.startsWith('#')) return true
    let place: unknown = this.#document
    for (const step of stepsOf(ref)) {
      if (typeof place !== 'object' || place === null || !Object.hasOwn(place, step)) return true
      place = (place as Record<string, unknown>)[step]
    }
    return isObject(place) || typeof place === 'boolean' ? (place as AnySchema) : true
  }
}

const ANY: Schema = {}
/** Allows no value. */
export const NOTHING: Schema = { enum: [] }
