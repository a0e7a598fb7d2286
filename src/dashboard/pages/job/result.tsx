import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { JobDocument } from '../../../protocol/jobDocument.ts'
import { authorizedFetch, client } from '../../api/client.ts'
import { place } from '../../api/place.ts'
import { useResource } from '../../api/resource.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Shown } from '../../parts/page.tsx'
import { download as save } from '../../parts/text/download.ts'
import { bytes } from '../../parts/text/format.ts'
import { Json } from '../../parts/text/json.tsx'
import { OutsideBlock } from '../../parts/text/outside.tsx'
import type { KnownJob } from './model.ts'

/** What a job has returned. */
export function JobResult({ known: { info, history } }: { known: KnownJob }): JSX.Element | null {
  const text = history?.job.result
  const isHere = info?.state === 'SUCCESS' && info.error === undefined
  if (!isHere && text === undefined) return null
  return (
    <section class="card" aria-labelledby="job-result">
      <div class="row job-section">
        <h2 id="job-result">Result</h2>
        {isHere && <Button onPress={() => download(info)}>Download</Button>}
      </div>
      {isHere ? <Stored info={info} /> : text !== undefined && <Printed text={text} label="Result" />}
    </section>
  )
}

/** A text of the recorder. */
export function Printed({ text, label }: { text: string; label: string }): JSX.Element {
  if (text === '…') return <p class="quiet">It is not shown: a codec covers it, or the option sensitive of the task.</p>
  return (
    <>
      <OutsideBlock text={text} label={label} />
      <p class="quiet">
        As the event has it, in Python’s notation, and cut where it is long
        {text.includes('…') && '; … may also stand for what is sensitive'}.
      </p>
    </>
  )
}

function Stored({ info }: { info: JobDocument }): JSX.Element {
  const [isWanted, setWanted] = useState(false)
  const { id, result, resultOmitted } = info
  if (result === '…') return <Printed text="…" label="Result" />
  if (resultOmitted && !isWanted)
    return (
      <p>
        It is large, and kept in the payload store. <Button onPress={() => setWanted(true)}>Show it</Button>
      </p>
    )
  // In the document of a job bytes are a text, too.
  if (resultOmitted || typeof result === 'string') return <Content id={id} />
  return result === null || result === undefined ? (
    <p class="quiet">It returned nothing.</p>
  ) : (
    <Json value={result} label="Result" />
  )
}

function Content({ id }: { id: string }): JSX.Element {
  const content = useResource((signal) => client.job(id).result({ signal }), [id])
  return (
    <Shown of={content}>
      {(value) => {
        if (value instanceof Uint8Array) return <Bytes value={value as Uint8Array<ArrayBuffer>} />
        return typeof value === 'string' ? (
          <OutsideBlock text={value} label="Result" />
        ) : (
          <Json value={value} label="Result" />
        )
      }}
    </Shown>
  )
}

function Bytes({ value }: { value: Uint8Array<ArrayBuffer> }): JSX.Element {
  const type = imageType(value)
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    if (type === undefined) return
    const made = URL.createObjectURL(new Blob([value], { type }))
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [value, type])
  return (
    <>
      <p class="quiet">
        {bytes(value.length)} {type ?? 'of data'}
      </p>
      {url !== undefined && <img class="job-image" src={url} alt="Result of the job" />}
      {type === undefined && <OutsideBlock text={hexOf(value)} label="First bytes" />}
    </>
  )
}

const IMAGES: readonly (readonly [type: string, at: number, bytes: readonly number[]])[] = [
  ['image/png', 0, [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', 0, [0xff, 0xd8, 0xff]],
  ['image/gif', 0, [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', 8, [0x57, 0x45, 0x42, 0x50]],
]

/** By its first bytes: what runs scripts, as SVG, is none. */
function imageType(value: Uint8Array): string | undefined {
  return IMAGES.find(([, at, first]) => first.every((byte, index) => value[at + index] === byte))?.[0]
}

const HEX_BYTES = 256

function hexOf(value: Uint8Array): string {
  const hex = Array.from(value.subarray(0, HEX_BYTES), (byte) => byte.toString(16).padStart(2, '0'))
  return hex.join(' ').replace(/(.{47}) /g, '$1\n') + (value.length > HEX_BYTES ? '\n…' : '')
}

/** As a file: it is never opened as a page. */
async function download({ id }: JobDocument): Promise<void> {
  const response = await authorizedFetch(`${place.url}${place.base}/jobs/${encodeURIComponent(id)}/result`)
  if (!response.ok) throw new Error(`The server does not give the result (${response.status}).`)
  save(fileName(id, response), 'application/octet-stream', [await response.arrayBuffer()])
}

function fileName(id: string, { headers }: Response): string {
  const type = headers.get('content-type')?.split(';', 1)[0] ?? ''
  const ending = type.endsWith('json')
    ? 'json'
    : (/^(?:image|text|application)\/([a-z0-9]{2,5})$/.exec(type)?.[1] ?? 'bin')
  return `${id.replace(/[^\w.-]/g, '_')}.${ending === 'plain' ? 'txt' : ending}`
}
