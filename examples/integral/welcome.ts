/** What the service says of itself when it is ready. */
export interface WelcomeFacts {
  readonly url: string
  /** Where tasks wait. */
  readonly store: string
  /** The store's URL as it was given on the command line, if it was. */
  readonly given: string | undefined
  readonly pool: { readonly kind: string; readonly size: number }
}

const BODY = `{"f": "sqrt(4-xs**2)", "a": 0, "b": 2, "c": 0, "d": 2, "size": 1000000}`
const LONG = BODY.replace('1000000', '1000000000')
const ITEMS = `f='sqrt(4-xs**2)' a:=0 b:=2 c:=0 d:=2`

/** Where it is and what to try next, ready to paste into a shell. */
export function welcome({ url, store, given, pool }: WelcomeFacts): string {
  const short = url.replace(/^http:\/\/127\.0\.0\.1(?=:)/, '')
  const broker = given === undefined ? '' : ` -b '${given}'`
  return `
integral is at ${url}  (${store}, ${pool.size} ${pool.kind})

With curl: start an integral (a quarter of a circle of radius 2: its area is pi), list all, see the first, start one
that takes long and call it off, hand one in by celeriac's own API
  curl -X PUT ${url}/ -d '${BODY}'
  curl ${url}/
  curl ${url}/0
  curl -X PUT ${url}/ -d '${LONG}'
  curl -X DELETE ${url}/1
  curl ${url}/v1/tasks/integrate -H 'content-type: application/json' -d '${BODY}'

The same with httpie
  http PUT ${short}/ ${ITEMS} size:=1000000
  http ${short}/
  http ${short}/0
  http PUT ${short}/ ${ITEMS} size:=1000000000
  http DELETE ${short}/1
  http POST ${short}/v1/tasks/integrate ${ITEMS}

From code, in another terminal
  npm run celeriac -- shell -A examples/integral/tasks.ts${broker}
  > t = await integrate.delay({ f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: 1000000 })
  > await t.state()
  > await t.get()

Ctrl-C stops it; integrals that are not done then go on after the next start.
`
}
