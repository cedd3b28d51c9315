/*
 * filters.c
 *		Conditions of a query made into filters of a request.
 *
 * A condition that the API can check as well becomes a filter, so that rows
 * which it would throw away are not sent.  The filter may let through more rows
 * than the condition, never fewer, and the condition is checked again; so what
 * cannot be said to the API exactly is said more widely, or not at all.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "filters.h"

/* The API's times have milliseconds. */
#define USECS_PER_MSEC 1000

/* --- planning -------------------------------------------------------------------- */

typedef struct Search
{
	PlannerInfo *root;
	const HmsEndpoint *endpoint;
	RelOptInfo *rel;
	const char *const *columns;
	int			ncolumns;
	const Bitmapset *given;
	List	   *filters;
} Search;

static Node *
strip_relabel(Node *node)
{
	while (node && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* The name of the relation's column that this expression is, or NULL. */
static const char *
column_of(const Search *search, Node *node)
{
	Var		   *var = (Var *) strip_relabel(node);

	if (var == NULL || !IsA(var, Var) || (Index) var->varno != search->rel->relid ||
		var->varlevelsup != 0 || var->varattno < 1 || var->varattno > search->ncolumns)
		return NULL;
	return search->columns[var->varattno - 1];
}

/* Is it something that has one value for the whole scan? */
static bool
is_value(const Search *search, Node *node)
{
	return !bms_is_member(search->rel->relid, pull_varnos(search->root, node)) &&
		!contain_volatile_functions(node);
}

/* Note a filter by this column, if the endpoint has one of that kind. */
static bool
add_filter(Search *search, const char *column, HmsFilterOp op, Node *value)
{
	HmsFilterKind kind = op == HMS_NOT_BEFORE ? HMS_FROM :
		op == HMS_NOT_AFTER ? HMS_UNTIL : HMS_EQUAL;

	for (int i = 0; search->endpoint->params[i].name; i++)
	{
		const HmsParam *param = &search->endpoint->params[i];
		HmsFilter  *filter;

		if (param->filter != kind || strcmp(param->column, column) != 0 ||
			bms_is_member(i, search->given))
			continue;
		filter = palloc(sizeof(HmsFilter));
		filter->param = i;
		filter->op = op;
		filter->value = (Expr *) value;
		search->filters = lappend(search->filters, filter);
		return true;
	}
	return false;
}

/* Does equality of texts under this collation mean the same bytes? */
static bool
is_bytewise(Oid collation)
{
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

/* column = value, or for times also <, <=, >, >=; either way round. */
static bool
take_operator(Search *search, OpExpr *expr)
{
	Node	   *left;
	Node	   *right;
	Oid			operator = expr->opno;
	const char *column;
	Oid			type;

	if (list_length(expr->args) != 2)
		return false;
	left = linitial(expr->args);
	right = lsecond(expr->args);
	column = column_of(search, left);
	if (column == NULL)
	{
		Node	   *swap = left;

		left = right;
		right = swap;
		operator = get_commutator(operator);
		column = column_of(search, left);
		if (column == NULL || !OidIsValid(operator))
			return false;
	}
	if (!is_value(search, right))
		return false;

	type = exprType(strip_relabel(left));
	if (operator == TextEqualOperator)
		return (type == TEXTOID || type == VARCHAROID) && is_bytewise(expr->inputcollid) &&
			add_filter(search, column, HMS_IS, right);
	if (operator == BooleanEqualOperator)
		return type == BOOLOID && add_filter(search, column, HMS_IS, right);
	if (type != TIMESTAMPTZOID)
		return false;
	switch (get_op_opfamily_strategy(operator, get_opclass_family(TIMESTAMPTZ_BTREE_OPS_OID)))
	{
		case BTLessStrategyNumber:
		case BTLessEqualStrategyNumber:
			return add_filter(search, column, HMS_NOT_AFTER, right);
		case BTGreaterStrategyNumber:
		case BTGreaterEqualStrategyNumber:
			return add_filter(search, column, HMS_NOT_BEFORE, right);
		case BTEqualStrategyNumber:
			return add_filter(search, column, HMS_NOT_BEFORE, right) &&
				add_filter(search, column, HMS_NOT_AFTER, right);
		default:
			return false;
	}
}

/* column = ANY (values) */
static bool
take_any(Search *search, ScalarArrayOpExpr *expr)
{
	const char *column = column_of(search, linitial(expr->args));
	Oid			type = exprType(strip_relabel(linitial(expr->args)));

	return column && expr->useOr && expr->opno == TextEqualOperator &&
		(type == TEXTOID || type == VARCHAROID) && is_bytewise(expr->inputcollid) &&
		is_value(search, lsecond(expr->args)) &&
		add_filter(search, column, HMS_IS_ANY, lsecond(expr->args));
}

/* Take a condition as a filter. */
static bool
take_condition(Search *search, Node *node)
{
	const char *column;

	if (IsA(node, OpExpr))
		return take_operator(search, (OpExpr *) node);
	if (IsA(node, ScalarArrayOpExpr))
		return take_any(search, (ScalarArrayOpExpr *) node);
	if (IsA(node, Var))
	{
		column = column_of(search, node);
		return column && add_filter(search, column, HMS_IS_TRUE, NULL);
	}
	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == NOT_EXPR)
	{
		Node	   *arg = linitial(((BoolExpr *) node)->args);

		column = IsA(arg, Var) ? column_of(search, arg) : NULL;
		return column && add_filter(search, column, HMS_IS_FALSE, NULL);
	}
	if (IsA(node, BooleanTest))
	{
		BooleanTest *test = (BooleanTest *) node;

		/* IS NOT TRUE and IS NOT FALSE let a missing flag through, filters do not */
		if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
			return false;
		column = column_of(search, (Node *) test->arg);
		return column && add_filter(search, column, test->booltesttype == IS_TRUE ?
									HMS_IS_TRUE : HMS_IS_FALSE, NULL);
	}
	return false;
}

List *
hms_filters_of(PlannerInfo *root, const HmsEndpoint *endpoint, RelOptInfo *rel,
			   const char *const *columns, int ncolumns, const Bitmapset *given,
			   List *conditions, List **used)
{
	Search		search = {root, endpoint, rel, columns, ncolumns, given, NIL};
	ListCell   *cell;

	foreach(cell, conditions)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);

		if (!condition->pseudoconstant &&
			take_condition(&search, (Node *) condition->clause) && used)
			*used = lappend(*used, condition);
	}
	return search.filters;
}

bool
hms_filters_take(const HmsEndpoint *endpoint, const char *column)
{
	for (int i = 0; endpoint->params[i].name; i++)
	{
		if (endpoint->params[i].filter != HMS_NO_FILTER &&
			strcmp(endpoint->params[i].column, column) == 0)
			return true;
	}
	return false;
}

List *
hms_filters_to_plan(List *filters, List **values)
{
	List	   *kept = NIL;
	ListCell   *cell;

	*values = NIL;
	foreach(cell, filters)
	{
		HmsFilter  *filter = lfirst(cell);

		kept = lappend_int(kept, filter->param);
		kept = lappend_int(kept, filter->op);
		if (filter->value)
			*values = lappend(*values, filter->value);
	}
	return kept;
}

List *
hms_filters_from_plan(List *kept, List *values)
{
	List	   *filters = NIL;
	ListCell   *value = list_head(values);

	for (int i = 0; i < list_length(kept); i += 2)
	{
		HmsFilter  *filter = palloc(sizeof(HmsFilter));

		filter->param = list_nth_int(kept, i);
		filter->op = list_nth_int(kept, i + 1);
		filter->value = NULL;
		if (filter->op != HMS_IS_TRUE && filter->op != HMS_IS_FALSE)
		{
			filter->value = lfirst(value);
			value = lnext(values, value);
		}
		filters = lappend(filters, filter);
	}
	return filters;
}

/* --- values ------------------------------------------------------------------------ */

/* What the conditions on one parameter leave of its values. */
typedef struct Allowed
{
	bool		limited;		/* to these texts */
	int			count;
	char	  **texts;

	bool		may_be[2];		/* of a flag: false, true */
	bool		flagged;		/* it is one, and limited */

	TimestampTz from;			/* DT_NOBEGIN: no limit */
	TimestampTz until;			/* DT_NOEND: no limit */
	bool		timed;
} Allowed;

/* The texts of an array, without NULLs. */
static char **
texts_of_array(Datum value, int *count)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	texts = palloc(sizeof(char *) * Max(n, 1));
	*count = 0;
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			texts[(*count)++] = TextDatumGetCString(elements[i]);
	}
	return texts;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sort texts, and leave each of them there once; how many there are then. */
static int
sort_texts(char **texts, int count)
{
	int			kept = 0;

	if (count > 1)
		qsort(texts, count, sizeof(char *), compare_texts);
	for (int i = 0; i < count; i++)
	{
		if (kept == 0 || strcmp(texts[kept - 1], texts[i]) != 0)
			texts[kept++] = texts[i];
	}
	return kept;
}

/* Leave of what is allowed only these texts, which are sorted. */
static void
limit_texts(Allowed *allowed, char **texts, int count)
{
	int			kept = 0;

	if (!allowed->limited)
	{
		allowed->limited = true;
		allowed->texts = texts;
		allowed->count = count;
		return;
	}
	for (int i = 0; i < allowed->count; i++)
	{
		if (bsearch(&allowed->texts[i], texts, count, sizeof(char *), compare_texts))
			allowed->texts[kept++] = allowed->texts[i];
	}
	allowed->count = kept;
}

static void
limit_flag(Allowed *allowed, bool value)
{
	if (!allowed->flagged)
		allowed->may_be[false] = allowed->may_be[true] = true;
	allowed->flagged = true;
	allowed->may_be[!value] = false;
}

/*
 * A time of any of the types that are compared with timestamptz, as such; false
 * when it has none.
 */
static bool
time_of(Oid type, Datum value, TimestampTz *time)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			*time = DatumGetTimestampTz(value);
			return true;
		case TIMESTAMPOID:
			return hms_timestamptz_of_timestamp(DatumGetTimestamp(value), time);
		case DATEOID:
			return hms_timestamptz_of_date(DatumGetDateADT(value), time);
		default:
			return false;
	}
}

/* Take the condition's value into account; false: no row can pass. */
static bool
limit(Allowed *allowed, const HmsFilter *filter, Datum value, bool isnull)
{
	Oid			type = filter->value ? exprType((Node *) filter->value) : InvalidOid;
	TimestampTz time;
	char	  **texts;
	int			count = 1;

	if (filter->value && isnull)
		return false;
	switch (filter->op)
	{
		case HMS_IS_TRUE:
		case HMS_IS_FALSE:
			limit_flag(allowed, filter->op == HMS_IS_TRUE);
			break;
		case HMS_IS:
			if (type == BOOLOID)
			{
				limit_flag(allowed, DatumGetBool(value));
				break;
			}
			texts = palloc(sizeof(char *));
			texts[0] = TextDatumGetCString(value);
			limit_texts(allowed, texts, count);
			break;
		case HMS_IS_ANY:
			texts = texts_of_array(value, &count);
			limit_texts(allowed, texts, sort_texts(texts, count));
			break;
		case HMS_NOT_BEFORE:
			if (time_of(type, value, &time))
			{
				allowed->from = allowed->timed ? Max(allowed->from, time) : time;
				allowed->timed = true;
			}
			break;
		case HMS_NOT_AFTER:
			if (time_of(type, value, &time))
			{
				allowed->until = allowed->timed ? Min(allowed->until, time) : time;
				allowed->timed = true;
			}
			break;
	}
	return (!allowed->limited || allowed->count > 0) &&
		(!allowed->flagged || allowed->may_be[false] || allowed->may_be[true]);
}

/*
 * Does the API have this text for what is this text here?  Not where it stands
 * for something else, NUL and lone surrogates; nor what may be no UTF-8.
 */
static bool
is_faithful(const char *text)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return strstr(text, "\xEF\xBF\xBD") == NULL;
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		return strstr(text, "\\uFFFD") == NULL;
	for (; *text; text++)
	{
		if (IS_HIGHBIT_SET(*text))
			return false;
	}
	return true;
}

static void
set_arg(HmsArg *arg, Oid type, Datum value)
{
	arg->type = type;
	arg->isnull = false;
	arg->value = value;
}

static void
set_text_array(HmsArg *arg, char **texts, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(texts[i]);
	set_arg(arg, TEXTARRAYOID,
			PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false,
											TYPALIGN_INT)));
}

/* The longest text that is sent as a filter. */
#define MAX_FILTER_LEN 2000

/*
 * Leave out what cannot be asked for: of a parameter that is needed nothing
 * has such a value, of another the filter is left out.
 */
static bool
leave_out_unaskable(const HmsParam *param, Allowed *allowed)
{
	int			kept = 0;

	for (int i = 0; i < allowed->count; i++)
	{
		const char *text = allowed->texts[i];

		if (text[0] != '\0' && strlen(text) <= MAX_FILTER_LEN && is_faithful(text) &&
			!hms_request_holds_dots(text))
			allowed->texts[kept++] = allowed->texts[i];
		else if (!(param->flags & HMS_REQUIRED))
			return false;
	}
	allowed->count = kept;
	return true;
}

/* Leave of texts that are known to the endpoint those that it would send. */
static void
leave_known(const HmsParam *param, Allowed *allowed)
{
	int			kept = 0;

	for (int i = 0; i < allowed->count; i++)
	{
		for (const char *const *known = param->unless_given; *known; known++)
		{
			if (strcmp(*known, allowed->texts[i]) == 0)
			{
				allowed->texts[kept++] = allowed->texts[i];
				break;
			}
		}
	}
	allowed->count = kept;
}

/* Put the texts that are allowed into the argument; false: there are none. */
static bool
apply_texts(const HmsParam *param, Allowed *allowed, HmsArg *arg, bool *is_condition)
{
	bool		is_room = strcmp(param->name, "room_id") == 0;

	if (!arg->isnull)
	{
		/* an argument is what is sent; but of several rooms some may do */
		if (is_room && arg->type == TEXTARRAYOID && arg->shown == NULL &&
			!(param->flags & HMS_PAIRED))
		{
			int			count;
			char	  **texts = texts_of_array(arg->value, &count);

			limit_texts(allowed, texts, sort_texts(texts, count));
			set_text_array(arg, allowed->texts, allowed->count);
			return allowed->count > 0;
		}
		return true;
	}
	if (!leave_out_unaskable(param, allowed))
		return true;
	if (param->unless_given)
		leave_known(param, allowed);
	if (allowed->count == 0)
		return false;
	if ((param->flags & HMS_REPEATED) || is_room)
		set_text_array(arg, allowed->texts, allowed->count);
	else if (allowed->count == 1)
		set_arg(arg, TEXTOID, CStringGetTextDatum(allowed->texts[0]));
	else
		return true;
	*is_condition = true;
	return true;
}

/* Put a bound of time into the argument; false: no time is within it. */
static bool
apply_time(HmsFilterKind kind, TimestampTz time, HmsArg *arg, bool *is_condition)
{
	const TimestampTz first = (TimestampTz) (date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
	const TimestampTz last = (TimestampTz) (date2j(9999, 12, 31) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
	TimestampTz rest;

	if (TIMESTAMP_NOT_FINITE(time))
		return TIMESTAMP_IS_NOBEGIN(time) == (kind == HMS_FROM);
	if (time < first || time > last)
		return true;
	rest = ((time % USECS_PER_MSEC) + USECS_PER_MSEC) % USECS_PER_MSEC;
	if (kind == HMS_FROM)
		time -= rest;
	else if (rest > 0)
		time += USECS_PER_MSEC - rest;
	if (!arg->isnull &&
		(arg->shown || arg->type != TIMESTAMPTZOID ||
		 (kind == HMS_FROM ? DatumGetTimestampTz(arg->value) >= time :
		  DatumGetTimestampTz(arg->value) <= time)))
		return true;
	set_arg(arg, TIMESTAMPTZOID, TimestampTzGetDatum(time));
	*is_condition = true;
	return true;
}

bool
hms_filters_apply(const HmsEndpoint *endpoint, List *filters, const Datum *values,
				  const bool *nulls, HmsArg *args, bool *is_condition)
{
	int			arg = 0;

	for (int i = 0; endpoint->params[i].name; i++)
	{
		const HmsParam *param = &endpoint->params[i];
		Allowed		allowed = {0};
		ListCell   *cell;

		if (param->fixed)
			continue;
		if (param->filter != HMS_NO_FILTER)
		{
			foreach(cell, filters)
			{
				const HmsFilter *filter = lfirst(cell);
				int			n = foreach_current_index(cell);

				if (filter->param == i &&
					!limit(&allowed, filter, values[n], nulls[n]))
					return false;
			}
		}
		if (allowed.flagged && args[arg].isnull &&
			allowed.may_be[false] != allowed.may_be[true])
		{
			set_arg(&args[arg], BOOLOID, BoolGetDatum(allowed.may_be[true]));
			is_condition[arg] = true;
		}
		if (allowed.limited &&
			!apply_texts(param, &allowed, &args[arg], &is_condition[arg]))
			return false;
		if (allowed.timed &&
			!apply_time(param->filter, param->filter == HMS_FROM ? allowed.from : allowed.until,
						&args[arg], &is_condition[arg]))
			return false;
		arg++;
	}
	return true;
}
