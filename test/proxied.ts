import { onTestFinished } from 'vitest'
import { startProxy, type TcpProxy } from '../src/testing/proxy/tcpProxy.ts'

/**
 * A proxy before the server of a URL, of any scheme, and the URL through it. The proxy stops when the test has
 * finished; `atEnd` is that of its context where tests run side by side.
 */
export async function proxied(
  url: string,
  atEnd: (stop: () => Promise<void>) => void = onTestFinished,
): Promise<{ proxy: TcpProxy; url: string }> {
  const { hostname, port } = new URL(url)
  const proxy = await startProxy({ host: hostname, port: Number(port) })
  atEnd(() => proxy.stop())
  return { proxy, url: proxy.url(url) }
}
