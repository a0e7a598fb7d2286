import type { JSX } from 'preact'
import { useLayoutEffect, useMemo, useState } from 'preact/hooks'
import { parse } from '../../client/json.ts'
import { AroundContext } from './around.ts'
import { FieldView } from './fieldView.tsx'
import { JsonArea } from './jsonArea.tsx'
import { fieldOf } from './model/build.ts'
import type { Field } from './model/field.ts'
import { type Json, pointerOf } from './model/json.ts'
import { nameOf } from './model/place.ts'
import { type Reading, read } from './model/read.ts'
import type { AnySchema } from './model/schema.ts'
import { Schemas } from './model/schemas.ts'
import { pretty } from './model/text.ts'
import { type FormHandle, useProblems } from './problems.ts'
import { Summary } from './summary.tsx'

export type { Json } from './model/json.ts'
export type { Reading } from './model/read.ts'
export type { AnySchema } from './model/schema.ts'
export type { FormHandle } from './problems.ts'

export interface InputFormProps {
  readonly schema: AnySchema
  /** Has what the schema refers to. Default: the schema itself. */
  readonly document?: unknown
  /** What it begins with. Default: empty. For another form give it another `key`. */
  readonly input?: Json | undefined
  /** At the beginning, and with each change. */
  readonly onChange: (reading: Reading) => void
  readonly handle?: { current: FormHandle | null }
}

interface State {
  readonly field: Field
  /** The user edits the whole as JSON. */
  readonly text: string | undefined
}

/** A form for a value of a JSON Schema. It holds every value, also one that does not fit. */
export function InputForm({ schema, document: whole, input, onChange, handle }: InputFormProps): JSX.Element {
  const schemas = useMemo(() => new Schemas(whole ?? schema), [whole, schema])
  const [state, setState] = useState<State>(() => ({ field: fieldOf(schemas, schema, input), text: undefined }))
  const reading = useMemo(() => readState(state), [state])
  const problems = useProblems(schemas, reading)
  // Before it is painted: what the page shows beside it is of the same input.
  useLayoutEffect(() => onChange(reading), [reading])
  if (handle) handle.current = problems.handle
  const { around, summary, announced } = problems
  const isText = state.text !== undefined
  const formOf = (value: Json | undefined): State => ({ field: fieldOf(schemas, schema, value), text: undefined })
  const toggle = (): void => {
    if (!isText) setState({ ...state, text: reading.value === undefined ? '' : pretty(reading.value) })
    else if (reading.value !== undefined || state.text?.trim() === '') setState(formOf(reading.value))
    else problems.handle.check()
  }
  const [example] = schemas.of(schema).examples ?? []
  return (
    <AroundContext.Provider value={around}>
      <div class="form">
        {state.text === undefined ? (
          <FieldView
            field={state.field}
            path={[]}
            name={rootName(state.field)}
            change={(field) => setState({ ...state, field })}
          />
        ) : (
          <JsonArea text={state.text} wrong={around.wrongAt([])} change={(text) => setState({ ...state, text })} />
        )}
        <Summary
          id={around.id}
          issues={summary}
          nameOf={(path) => (isText ? (path.length === 0 ? '' : pointerOf(path)) : nameOf(state.field, path))}
        />
        <div class="row">
          <button type="button" class="button small" onClick={toggle}>
            {isText ? 'Edit as form' : 'Edit as JSON'}
          </button>
          {example !== undefined && (
            <button
              type="button"
              class="button small"
              onClick={() => setState(isText ? { ...state, text: pretty(example) } : formOf(example))}
            >
              Use the example
            </button>
          )}
        </div>
        <p class="unseen" aria-live="polite">
          {announced}
        </p>
      </div>
    </AroundContext.Provider>
  )
}

function readState({ field, text }: State): Reading {
  if (text === undefined) return read(field)
  try {
    return { value: parse(text) as Json, issues: [] }
  } catch (error) {
    return { value: undefined, issues: [{ path: [], message: `Not JSON: ${(error as Error).message}` }] }
  }
}

/** Fields of an object, or of a list, need no name around them. */
function rootName(field: Field): string | undefined {
  if (field.kind === 'nullable') return rootName(field.inner)
  return field.kind === 'object' || field.kind === 'list' || field.kind === 'variant' ? undefined : 'Input'
}
