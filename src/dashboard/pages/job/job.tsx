import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** One job. */
export function Job({ id }: { readonly id: string }): JSX.Element {
  return <Page title={id}>{null}</Page>
}
