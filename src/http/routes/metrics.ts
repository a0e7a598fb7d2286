import type { Hono } from 'hono'
import { METRICS_TYPE, type Metrics } from '../../telemetry/metrics/metrics.ts'
import { ADMIN_SCOPE, identityOf, mayAll } from '../access/identity.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'

const PATH = '/metrics'
/** The scope that an identity needs to read it. */
const SCOPE = 'metrics'

/** `GET /metrics`: metrics for Prometheus. With authentication, for identities with the scope `metrics`. */
export function addMetricsRoute(api: Hono, metrics: Metrics): void {
  api.get(PATH, async (c) => {
    const identity = identityOf(c)
    if (identity && !mayAll(identity, [SCOPE]))
      return respondProblem({ kind: 'forbidden', detail: `${PATH} needs ${SCOPE} or ${ADMIN_SCOPE}` }, c.req.path)
    const text = await metrics.text()
    return new Response(text, { headers: { 'content-type': METRICS_TYPE, 'cache-control': 'no-store' } })
  })
  api.all(PATH, methodNotAllowed('GET, HEAD'))
}
