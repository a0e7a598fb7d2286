import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { Caller } from '../calls/caller.tsx'
import type { ExposedTask, OpenApi } from '../calls/openApi.ts'
import { isSame } from '../form/model/json.ts'
import { sampleOf } from '../form/model/sample.ts'
import type { AnySchema } from '../form/model/schema.ts'
import type { Schemas } from '../form/model/schemas.ts'
import { pretty } from '../form/model/text.ts'
import { Outside, OutsideBlock } from '../parts/text/outside.tsx'
import { api, authorization } from './access.ts'
import { SchemaTable } from './schemaTable.tsx'

/** One task: what it takes, reports and returns, how it is called, and a form that calls it. */
export function TaskPage(props: { document: OpenApi; schemas: Schemas; task: ExposedTask }): JSX.Element {
  const { document: whole, schemas, task } = props
  const begin = useMemo(() => sampleOf(schemas, task.input), [task.name])
  return (
    <>
      <h1 tabIndex={-1}>
        <Outside text={task.name} />
      </h1>
      {task.description !== undefined && (
        <p>
          <Outside text={task.description} length={2000} />
        </p>
      )}
      <p>
        <code>POST {task.path}</code>
      </p>
      <div class="two">
        <div>
          <Part title="Input" schemas={schemas} schema={task.input} isInput />
          {task.types.length > 0 && <p class="quiet">Also takes {task.types.join(', ')}.</p>}
          <Part title="Progress" schemas={schemas} schema={task.progress} />
          <Part title="Result" schemas={schemas} schema={task.result} />
          {task.resultType !== undefined && (
            <section>
              <h2>Result</h2>
              <code>{task.resultType}</code>
            </section>
          )}
        </div>
        <div>
          <h2>Try it</h2>
          <Caller
            api={api}
            task={task}
            document={whole}
            begin={begin}
            settings={NONE}
            authorized={authorization.value !== ''}
            languages={['TypeScript']}
          />
        </div>
      </div>
    </>
  )
}

const NONE = {}

/** Nothing where nothing is known of it. */
function Part(props: { title: string; schemas: Schemas; schema: AnySchema; isInput?: boolean }): JSX.Element | null {
  const { title, schemas, isInput = false } = props
  const schema = schemas.of(props.schema)
  if (isSame(schema, {})) return null
  const example = schema.examples?.[0]
  return (
    <section class="fields">
      <h2>{title}</h2>
      <SchemaTable schemas={schemas} schema={schema} isInput={isInput} />
      {example !== undefined && (
        <>
          <h3>Example</h3>
          <OutsideBlock text={pretty(example)} label={`${title}: example`} />
        </>
      )}
    </section>
  )
}
