import { onTestFinished } from 'vitest'
import { startProxy, type TcpProxy } from '../src/testing/proxy/tcpProxy.ts'

/** A proxy before the server of a URL, of any scheme, and the URL through it. The proxy stops when the test has finished. */
export async function proxied(url: string): Promise<{ proxy: TcpProxy; url: string }> {
  const { hostname, port } = new URL(url)
  const proxy = await startProxy({ host: hostname, port: Number(port) })
  onTestFinished(() => proxy.stop())
  return { proxy, url: proxy.url(url) }
}
