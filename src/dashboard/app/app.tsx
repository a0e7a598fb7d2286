import type { ComponentType, JSX } from 'preact'
import { isAsked } from '../api/token.ts'
import { Confirmation } from '../parts/ask/confirm.tsx'
import { Loading } from '../parts/loading.tsx'
import { Problem } from '../parts/problem.tsx'
import { Toasts } from '../parts/toasts.tsx'
import { useLoaded } from './loaded.ts'
import { here } from './location.ts'
import { LogIn } from './logIn.tsx'
import { ROUTES } from './routes.ts'
import { me, openSession, problem } from './session.ts'
import { Shell } from './shell.tsx'

/** All of it: the frame, and the page that the URL names. */
export function App(): JSX.Element {
  return (
    <>
      <Content />
      <Confirmation />
      <Toasts />
    </>
  )
}

function Content(): JSX.Element {
  if (isAsked.value) return <LogIn />
  if (me.value === undefined && problem.value !== undefined)
    return (
      <main class="alone">
        <Problem error={problem.value} retry={openSession} />
      </main>
    )
  if (me.value === undefined) return <Loading />
  return (
    <Shell>
      <Page />
    </Shell>
  )
}

function Page(): JSX.Element {
  const { segments } = here.value
  const [name = '', id] = segments
  const route = ROUTES.find((one) => one.name === name)
  if (!route || segments.length > 2 || (id !== undefined && !route.loadOne)) return <Nowhere />
  if (id === undefined || !route.loadOne) return <Loaded load={route.load} title={route.title} />
  return <LoadedOne load={route.loadOne} id={id} title={route.title} />
}

function Loaded({ load, title }: { load: () => Promise<ComponentType>; title: string }): JSX.Element {
  const { value: Found, error, retry } = useLoaded(load)
  document.title = `${title} · celeriac`
  if (error) return <Problem error={error} retry={retry} />
  return Found ? <Found /> : <Loading />
}

function LoadedOne(props: {
  load: () => Promise<ComponentType<{ readonly id: string }>>
  id: string
  title: string
}): JSX.Element {
  const { value: Found, error, retry } = useLoaded(props.load)
  document.title = `${props.id} · ${props.title} · celeriac`
  if (error) return <Problem error={error} retry={retry} />
  return Found ? <Found key={props.id} id={props.id} /> : <Loading />
}

function Nowhere(): JSX.Element {
  return <Problem error={new Error('There is no such page. The pages are in the navigation.')} />
}
