import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { place } from '../api/place.ts'
import { useResource } from '../api/resource.ts'
import { useValue } from '../api/signal.ts'
import { here, to } from '../app/location.ts'
import { type ExposedTask, type OpenApi, tasksOf } from '../calls/openApi.ts'
import { Schemas } from '../form/model/schemas.ts'
import { Loading } from '../parts/loading.tsx'
import { Problem } from '../parts/problem.tsx'
import { Outside } from '../parts/text/outside.tsx'
import { Toasts } from '../parts/toasts.tsx'
import { api, authorization, keep, type Scheme } from './access.ts'
import { Overview } from './overview.tsx'
import { TaskPage } from './taskPage.tsx'

/** What the server says of itself, or whom it wants to know first. */
type Found = { readonly document: OpenApi } | { readonly asks: Scheme }

/** The page of an API: reads openapi.json beside it, and shows what is in the address behind the #. */
export function Docs(): JSX.Element {
  const found = useResource(load, [useValue(authorization)])
  const { data, error } = found
  const document31 = data && 'document' in data ? data.document : undefined
  const tasks = document31 ? tasksOf(document31) : []
  const scheme = data && ('asks' in data ? data.asks : schemeOf(data.document))
  const [, name] = useValue(here).segments
  useHeadingFocus(name)
  if (document31) document.title = `${document31.info.title} API`
  return (
    <div class="docs">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <a class="brand" href="#/">
          <Outside text={document31?.info.title ?? 'API'} length={80} />
        </a>
        <span class="quiet server">{place.url.replace(/^https?:\/\//, '')}</span>
        {scheme && <Access scheme={scheme} />}
      </header>
      <div class="columns">
        <Tasks tasks={tasks} current={name} />
        <main id="main" tabIndex={-1}>
          {error && <Problem error={error} retry={found.reload} />}
          {!data && !error && <Loading />}
          {data && 'asks' in data && (
            <>
              <h1 tabIndex={-1}>Who are you?</h1>
              <p>This API requires authentication. Sign in above.</p>
            </>
          )}
          {document31 && <View document={document31} tasks={tasks} name={name} />}
        </main>
      </div>
      <Toasts />
    </div>
  )
}

function View(props: { document: OpenApi; tasks: readonly ExposedTask[]; name: string | undefined }): JSX.Element {
  const { document: whole, tasks, name } = props
  const task = tasks.find((one) => one.name === name)
  if (!task) return <Overview document={whole} tasks={tasks} />
  return <TaskPage key={task.name} document={whole} schemas={new Schemas(whole)} task={task} />
}

async function load(signal: AbortSignal): Promise<Found> {
  const response = await api.fetch(`${place.url}/openapi.json`, { signal })
  if (response.status === 401)
    return { asks: /basic/i.test(response.headers.get('www-authenticate') ?? '') ? 'basic' : 'bearer' }
  if (!response.ok) throw new Error(`openapi.json: HTTP ${response.status}`)
  return { document: (await response.json()) as OpenApi }
}

function schemeOf({ components }: OpenApi): Scheme | undefined {
  const [scheme] = Object.keys(components.securitySchemes ?? {})
  return scheme === undefined ? undefined : scheme === 'basic' ? 'basic' : 'bearer'
}

/** After a link: the focus, and with it what a screen reader reads, is at the new page. */
function useHeadingFocus(name: string | undefined): void {
  const before = useRef(name)
  useEffect(() => {
    if (before.current === name) return
    before.current = name
    document.querySelector<HTMLElement>('main h1')?.focus()
  }, [name])
}

function Tasks({ tasks, current }: { tasks: readonly ExposedTask[]; current: string | undefined }): JSX.Element {
  const [wanted, setWanted] = useState('')
  const word = wanted.trim()
  const found = tasks.filter(({ name }) => name.toLowerCase().includes(word.toLowerCase()))
  return (
    <nav class="tasks" aria-label="Tasks">
      <label>
        <span class="unseen">Find a task</span>
        <input
          type="search"
          placeholder="Find a task"
          autocomplete="off"
          value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      </label>
      <ul>
        {found.map(({ name }) => (
          <li key={name}>
            <a href={to(['tasks', name])} aria-current={name === current ? 'page' : undefined}>
              <Outside text={name} />
            </a>
          </li>
        ))}
      </ul>
      <p class="quiet" role="status">
        {tasks.length > 0 && found.length === 0 && `No task has “${word}” in its name.`}
      </p>
    </nav>
  )
}

/** Where the API requires credentials: a token or a user, kept until the browser's tab is closed. */
function Access({ scheme }: { scheme: Scheme }): JSX.Element {
  const [given, setGiven] = useState('')
  const label = scheme === 'basic' ? 'User:password' : 'Token'
  return (
    <form
      class="row push"
      onSubmit={(event) => {
        event.preventDefault()
        keep(given.trim(), scheme)
      }}
    >
      <label>
        <span class="unseen">{label}</span>
        <input
          type="password"
          placeholder={label}
          autocomplete="off"
          value={given}
          onInput={(event) => setGiven(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button">
        {authorization.value === '' ? 'Sign in' : 'Change'}
      </button>
    </form>
  )
}
