import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One queue. */
export function Queue({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
