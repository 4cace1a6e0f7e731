import { createServer, type AddressInfo, type Server } from 'node:net';

/** Ports of 127.0.0.1 that nobody listens on now; all different, since they are held until the last one is known. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether one may listen on this port of 127.0.0.1 now. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listen(port).catch(() => undefined);
  if (!server) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
