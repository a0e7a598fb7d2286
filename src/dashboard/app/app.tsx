import type { JSX } from 'preact'
import { useValue } from '../api/signal.ts'
import { isAsked } from '../api/token.ts'
import { Confirmation } from '../parts/ask/confirm.tsx'
import { Loading } from '../parts/loading.tsx'
import { Problem } from '../parts/problem.tsx'
import { Toasts } from '../parts/toasts.tsx'
import { here } from './location.ts'
import { LogIn } from './logIn.tsx'
import { ROUTES } from './routes.ts'
import { me, openSession, problem } from './session.ts'
import { Shell } from './shell.tsx'

/** All of it: the frame, and the page that the URL names. */
export function App(): JSX.Element {
  // All that is shown is drawn again with these: it may read them as they are.
  useValue(here)
  useValue(me)
  useValue(problem)
  useValue(isAsked)
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
  const { title, all: All, one: One } = route ?? {}
  document.title = [id, title, 'celeriac'].filter((part) => part !== undefined).join(' · ')
  if (segments.length < 3 && All && id === undefined) return <All />
  if (segments.length < 3 && One && id !== undefined) return <One key={id} id={id} />
  return <Nowhere />
}

function Nowhere(): JSX.Element {
  return <Problem error={new Error('There is no such page. The pages are in the navigation.')} />
}
