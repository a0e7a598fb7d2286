import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Call one task. */
export function CallTask({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
