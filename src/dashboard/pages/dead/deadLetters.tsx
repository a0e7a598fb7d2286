import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Dead letters. */
export function DeadLetters(): JSX.Element {
  return <Page title="Dead letters">{null}</Page>
}
