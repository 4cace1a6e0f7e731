import type { AddressInfo } from 'node:net';
import { listen } from '../listen.ts';
import { IP } from './server-args.ts';

/** Finds free ports of 127.0.0.1. All are held until the last one is known, so they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen({ host: IP, port: 0 })));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function isFree(port: number): Promise<boolean> {
  const server = await listen({ host: IP, port }).catch(() => undefined);
  if (!server) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}
