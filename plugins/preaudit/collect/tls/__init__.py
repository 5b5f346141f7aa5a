"""What an endpoint does with TLS, asked by ClientHellos of our own: `survey` in, `preaudit.endpoint.Tls` out.

The wire and the reduction are pure; one file dials and reads. Nothing here judges, and nothing that was not seen
becomes a good answer.
"""
