import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { place } from '../../api/place.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { can, me, whyNot } from '../../app/session.ts'
import { Caller } from '../../calls/caller.tsx'
import { type ExposedTask, hasParameter, type OpenApi, tasksOf } from '../../calls/openApi.ts'
import type { Schema } from '../../form/model/schema.ts'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { api, loadDescription } from './description.ts'
import { NO_SETTINGS, readSettings, Settings } from './settings.tsx'

/** Call one task: a form made of its schema, and the jobs that it makes. */
export function CallTask({ id }: { readonly id: string }): JSX.Element {
  const description = useResource(loadDescription, [])
  return (
    <Page
      title={
        <>
          <a href={to('call')} class="back">
            Call
          </a>{' '}
          <Outside text={id} />
        </>
      }
    >
      <Shown of={description}>{(found) => <OneTask name={id} description={found} />}</Shown>
    </Page>
  )
}

function OneTask({ name, description }: { name: string; description: OpenApi }): JSX.Element {
  const exposed = tasksOf(description).find((task) => task.name === name)
  if (exposed) return <Calling task={exposed} description={description} isAny={false} />
  if (can('callAny')) return <Calling task={anyTask(name)} description={description} isAny />
  return (
    <Empty title="This task is not exposed">
      <p>Only tasks of the option expose can be called here. Admins of a server with fleet.anyTask can call any.</p>
    </Empty>
  )
}

function Calling(props: { task: ExposedTask; description: OpenApi; isAny: boolean }): JSX.Element {
  const { task, description, isAny } = props
  const [texts, setTexts] = useState(NO_SETTINGS)
  const { settings, wrong } = readSettings(texts)
  return (
    <div class="calling">
      {task.description !== undefined && (
        <p>
          <Outside text={task.description} length={2000} />
        </p>
      )}
      <Caller
        api={api}
        task={task}
        document={description}
        settings={settings}
        isAny={isAny}
        checkSettings={() => Object.keys(wrong).length === 0}
        authorized={me.value?.open === false}
        whyNot={whyNot(isAny ? 'callAny' : 'call')}
        languages={['TypeScript', 'Python']}
        linkOf={(job) => to(['jobs', job])}
        more={
          <Settings
            texts={texts}
            wrong={wrong}
            change={setTexts}
            hasWebhooks={task.hasWebhooks || (isAny && hasParameter(description, 'Webhook'))}
            hasRoute={can('callAny')}
          />
        }
      />
    </div>
  )
}

/** Of a task without a schema the arguments are JSON, as Celery sends them. */
const ARGUMENTS: Schema = {
  type: 'object',
  properties: {
    args: { type: 'array', description: 'A list, as [1, "two"]', unmerged: true },
    kwargs: { type: 'object', description: 'By their names, as {"x": 1}', unmerged: true },
  },
  additionalProperties: false,
}

function anyTask(name: string): ExposedTask {
  return {
    name,
    path: `${place.base}/tasks/${encodeURIComponent(name)}`,
    description: undefined,
    input: ARGUMENTS,
    result: true,
    progress: true,
    resultType: undefined,
    types: [],
    hasWebhooks: false,
    hasUploads: false,
  }
}
