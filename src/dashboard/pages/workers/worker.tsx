import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One worker. */
export function Worker({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
