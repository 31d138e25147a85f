"""The router in the clothes of other libraries: their calls in, our decisions and executions behind them.

    openai        OpenAI, AsyncOpenAI: the client of the openai library, answered in this process
    langchain     ChatRouter: a chat model
    llama_index   RouterLLM, RouterSelector, RouterRetriever
    litellm       ProxyHook for the LiteLLM proxy, LanePlugin for litellm.Router

Each module imports its library when it is imported itself, so nothing is loaded that is not used. What they share:
``asking`` reads a call in the OpenAI shape, ``answering`` writes what came of it.
"""
