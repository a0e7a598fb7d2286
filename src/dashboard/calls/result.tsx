import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { parse } from '../../client/json.ts'
import type { Json } from '../form/model/json.ts'
import { pretty } from '../form/model/text.ts'
import { Problem } from '../parts/problem.tsx'
import { bytes } from '../parts/text/format.ts'
import { OutsideBlock } from '../parts/text/outside.tsx'
import type { CallApi } from './api.ts'

type Shown = { readonly text: string } | { readonly blob: Blob; readonly href: string } | { readonly error: Error }

const PICTURE = /^image\/(?:png|jpeg|gif|webp|avif)/

/** The result of a job, as its own type: a text, a picture, or a file. */
export function Result({ api, id }: { api: CallApi; id: string }): JSX.Element | null {
  const [shown, setShown] = useState<Shown>()
  useEffect(() => {
    const stop = new AbortController()
    let href: string | undefined
    read(api, id, stop.signal).then(
      (found) => {
        if (found instanceof Blob) {
          href = URL.createObjectURL(found)
          setShown({ blob: found, href })
        } else setShown({ text: found })
      },
      (error) => stop.signal.aborted || setShown({ error }),
    )
    return () => {
      stop.abort()
      if (href !== undefined) URL.revokeObjectURL(href)
    }
  }, [id])
  if (!shown) return null
  if ('error' in shown) return <Problem error={shown.error} />
  if ('text' in shown) return <OutsideBlock text={shown.text} label="Result" />
  const { blob, href } = shown
  return (
    <div class="result">
      {PICTURE.test(blob.type) && <img src={href} alt="The result" />}
      <p>
        <a href={href} download="result">{`Download ${bytes(blob.size)} of ${blob.type}`}</a>
      </p>
    </div>
  )
}

/** Text stays text: what is in it is neither drawn nor run. */
async function read({ fetch, url, base }: CallApi, id: string, signal: AbortSignal): Promise<string | Blob> {
  const response = await fetch(`${url}${base}/jobs/${encodeURIComponent(id)}/result`, { signal })
  const type = response.headers.get('content-type') ?? ''
  if (/^application\/(?:json|[^;]+\+json)/i.test(type)) {
    const body = parse(await response.text())
    if (!response.ok) throw new Error((body as { detail?: string }).detail ?? `HTTP ${response.status}`)
    return pretty(body as Json)
  }
  return /^text\//i.test(type) ? response.text() : response.blob()
}
