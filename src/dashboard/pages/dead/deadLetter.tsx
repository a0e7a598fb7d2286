import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One dead letter. */
export function DeadLetter({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
