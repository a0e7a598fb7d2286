import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useValue } from '../api/signal.ts'
import { isAsked } from '../api/token.ts'
import { Confirmation } from '../parts/ask/confirm.tsx'
import { Loading } from '../parts/loading.tsx'
import { Page } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import { Toasts } from '../parts/toasts.tsx'
import { here, to } from './location.ts'
import { LogIn } from './logIn.tsx'
import { ROUTES } from './routes.ts'
import { me, openSession, problem, whyNot } from './session.ts'
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
      <Current />
    </Shell>
  )
}

function Current(): JSX.Element {
  const { segments } = here.value
  const [name = '', id] = segments
  const route = segments.length < 3 ? ROUTES.find((one) => one.name === name) : undefined
  const { title, all: All, one: One, needs } = route ?? {}
  const content = id === undefined ? All && <All /> : One && <One key={id} id={id} />
  document.title = [content && id, content ? title : 'No such page', 'celeriac'].filter(Boolean).join(' · ')
  useFocus(segments.join('/'))
  const barred = needs && whyNot(needs)
  return content ? barred === undefined ? content : <Barred title={title} reason={barred} /> : <Nowhere />
}

/** After a step to another page the focus is on its title: it is read out, and the keys go on from there. */
function useFocus(path: string): void {
  const isFirst = useRef(true)
  useLayoutEffect(() => {
    if (!isFirst.current) document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true })
    isFirst.current = false
  }, [path])
}

function Barred({ title, reason }: { title: string | undefined; reason: string }): JSX.Element {
  return (
    <Page title={title}>
      <p>{reason}.</p>
    </Page>
  )
}

function Nowhere(): JSX.Element {
  return (
    <Page title="No such page">
      <p>
        The pages are in the navigation; the first is the <a href={to('')}>overview</a>.
      </p>
    </Page>
  )
}
