import type { JSX } from 'preact'
import type { AnySchema, Schema } from '../form/model/schema.ts'
import type { Schemas } from '../form/model/schemas.ts'
import { rulesOf, typeOf } from '../form/model/words.ts'
import { Outside } from '../parts/text/outside.tsx'

const MAX_DEPTH = 4
const MAX_WORDS = 600

interface Row {
  readonly name: string
  readonly schema: Schema
  /** Of an input what it must have, of an output what it may lack. */
  readonly mark: 'required' | 'optional' | undefined
}

/** A schema as a table of its members, those inside of them by their path. */
export function SchemaTable(props: { schemas: Schemas; schema: AnySchema; isInput?: boolean }): JSX.Element {
  const { schemas, isInput = false } = props
  const schema = schemas.of(props.schema)
  const rows = rowsOf(schemas, schema, { path: '', within: [], isInput })
  if (rows.length === 0)
    return (
      <p>
        <Type schemas={schemas} schema={schema} />
      </p>
    )
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, schema: member, mark }) => (
            <tr key={name}>
              <td>
                <Outside text={name} />
                {mark && <span class={`mark ${mark}`}> {mark}</span>}
              </td>
              <td>
                <Type schemas={schemas} schema={member} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Type({ schemas, schema }: { schemas: Schemas; schema: Schema }): JSX.Element {
  const words = [schema.description, rulesOf(schema)].filter(Boolean).join(' · ')
  return (
    <>
      <code>
        <Outside text={typeOf(schemas, schema)} length={MAX_WORDS} />
      </code>
      {words !== '' && (
        <span class="rules">
          <Outside text={words} length={MAX_WORDS} />
        </span>
      )}
    </>
  )
}

function rowsOf(
  schemas: Schemas,
  schema: Schema,
  at: { readonly path: string; readonly within: readonly Schema[]; readonly isInput: boolean },
): readonly Row[] {
  const { path, within, isInput } = at
  if (within.length > MAX_DEPTH || within.includes(schema)) return []
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const member = schemas.of(given)
    const isRequired = schema.required?.includes(name) === true
    const mark = isInput
      ? isRequired && member.default === undefined
        ? 'required'
        : undefined
      : isRequired
        ? undefined
        : 'optional'
    const isList = member.type === 'array'
    const inner = isList ? schemas.of(member.items) : member
    const step = `${path}${name}${isList ? '[]' : ''}.`
    const row: Row = { name: path + name, schema: member, mark }
    return [row, ...rowsOf(schemas, inner, { path: step, within: [...within, schema], isInput })]
  })
}
