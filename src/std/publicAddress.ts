import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * Networks that are not the public internet, or that lead to such by another name (IANA special-purpose registries;
 * NAT64, 6to4, Teredo).
 */
const PRIVATE_4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** Within 2000::/3, the only part of IPv6 that is public. */
const PRIVATE_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

interface Lists {
  readonly refused: BlockList
  readonly unicast: BlockList
}

let lists: Lists | undefined

/** Made when an address is first checked: most processes check none. */
function knownLists(): Lists {
  lists ??= { refused: blockList([...PRIVATE_4, ...PRIVATE_6]), unicast: blockList(['2000::/3']) }
  return lists
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4')
  }
  return list
}

/**
 * True for an IP address of the public internet: not private, loopback, link-local, multicast, reserved, nor an
 * IPv4-mapped IPv6 address of these.
 */
export function isPublicAddress(address: string): boolean {
  const { refused, unicast } = knownLists()
  switch (isIP(address)) {
    case 4:
      return !refused.check(address, 'ipv4')
    case 6:
      // A scope (fe80::1%eth0) is of a link; everything outside of 2000::/3 is private, mapped or unassigned.
      return !address.includes('%') && unicast.check(address, 'ipv6') && !refused.check(address, 'ipv6')
    default:
      return false
  }
}
