/*
 * fdw.c
 *		Lists of 100ms as foreign tables: a thin front of the reader.
 *
 * A table names its endpoint; its columns are the members of the rows by their
 * names, in whatever order and number.  What it is read with is the account of
 * its server and of whoever the scan runs as.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "fdw.h"
#include "filters.h"
#include "reader.h"

PG_FUNCTION_INFO_V1(hms_fdw_handler);

/* The schema that the API is to IMPORT FOREIGN SCHEMA. */
#define REMOTE_SCHEMA "api"

static ProcessUtility_hook_type next_utility = NULL;

/* --- what a table is ---------------------------------------------------------------- */

/* The endpoint that is a table of this name, or NULL. */
static const HmsEndpoint *
table_endpoint(const char *name)
{
	const HmsEndpoint *endpoint;

	for (int i = 0; (endpoint = hms_endpoint_at(i)) != NULL; i++)
	{
		if (endpoint->table && strcmp(endpoint->table, name) == 0)
			return endpoint;
	}
	return NULL;
}

const char *
hms_fdw_endpoint_fault(const char *value)
{
	StringInfoData names;
	const HmsEndpoint *endpoint;

	if (table_endpoint(value))
		return NULL;
	initStringInfo(&names);
	for (int i = 0; (endpoint = hms_endpoint_at(i)) != NULL; i++)
	{
		if (endpoint->table)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", endpoint->table);
	}
	return psprintf("The endpoints are: %s.", names.data);
}

/* The value of an option in this list, or NULL. */
static const char *
option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

/* The endpoint of a foreign table. */
static const HmsEndpoint *
endpoint_of(const ForeignTable *table)
{
	const char *name = option(table->options, "endpoint");
	const HmsEndpoint *endpoint = name ? table_endpoint(name) : NULL;

	if (endpoint == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("foreign table \"%s\" has no endpoint", get_rel_name(table->relid))));
	return endpoint;
}

/* The schema of an extension. */
static Oid
extension_schema(Oid extension)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return schema;
}

/* The type of the endpoint's rows: a member of the server's extension. */
static Oid
row_type(Oid server, const HmsEndpoint *endpoint)
{
	Oid			extension = getExtensionOfObject(ForeignDataWrapperRelationId,
												 GetForeignServer(server)->fdwid);
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(endpoint->row),
									   ObjectIdGetDatum(extension_schema(extension)));

	if (!OidIsValid(type) || getExtensionOfObject(TypeRelationId, type) != extension)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type \"%s\" of extension hms does not exist", endpoint->row)));
	return type;
}

/* Does this descriptor have a column of that name? */
static bool
has_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return true;
	}
	return false;
}

/* Does the table have a column room_id of which the rows know nothing? */
static bool
adds_room(const HmsEndpoint *endpoint, TupleDesc row)
{
	for (int i = 0; endpoint->params[i].name; i++)
	{
		if (strcmp(endpoint->params[i].name, "room_id") == 0)
			return (endpoint->params[i].flags & HMS_REQUIRED) && !has_column(row, "room_id");
	}
	return false;
}

/* Raise: the rows have no such member. */
static void
refuse_column(Relation table, const char *name, TupleDesc row)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < row->natts; i++)
	{
		if (!TupleDescAttr(row, i)->attisdropped)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 NameStr(TupleDescAttr(row, i)->attname));
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of foreign table \"%s\" is no member of its rows", name,
					RelationGetRelationName(table)),
			 errhint("The members are: %s.  Option column_name says which one a column of another name is.",
					 names.data)));
}

/*
 * The member that each column of the table is, by number; NULL for what is
 * dropped.  "room": the column that the rows know nothing of, or 0.
 */
static const char **
members_of(Relation table, const ForeignTable *options, AttrNumber *room)
{
	const HmsEndpoint *endpoint = endpoint_of(options);
	TupleDesc	row = lookup_rowtype_tupdesc_copy(row_type(options->serverid, endpoint), -1);
	TupleDesc	desc = RelationGetDescr(table);
	bool		with_room = adds_room(endpoint, row);
	const char **members = palloc0(sizeof(char *) * Max(desc->natts, 1));

	*room = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		const char *name;

		if (column->attisdropped)
			continue;
		name = option(GetForeignColumnOptions(options->relid, column->attnum), "column_name");
		members[i] = pstrdup(name ? name : NameStr(column->attname));
		if (with_room && strcmp(members[i], "room_id") == 0)
			*room = column->attnum;
		else if (!has_column(row, members[i]))
			refuse_column(table, members[i], row);
	}
	return members;
}

/* --- planning ------------------------------------------------------------------------ */

typedef struct FdwRel
{
	HmsList		list;
	Oid			server;
} FdwRel;

/* Can conditions on a column of this type be told to the API? */
static bool
is_plain(Form_pg_attribute column)
{
	return column->atttypmod == -1 &&
		(column->atttypid == TEXTOID || column->atttypid == VARCHAROID ||
		 column->atttypid == BOOLOID || column->atttypid == TIMESTAMPTZOID);
}

/* Refuse columns that only stored rows have. */
static void
check_system_columns(RelOptInfo *rel, Oid table)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	foreach(cell, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &columns);
	for (AttrNumber i = FirstLowInvalidHeapAttributeNumber + 1; i < 0; i++)
	{
		if (i != TableOidAttributeNumber &&
			bms_is_member(i - FirstLowInvalidHeapAttributeNumber, columns))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("foreign table \"%s\" has no column \"%s\"", get_rel_name(table),
							NameStr(SystemAttributeDefinition(i)->attname)),
					 errdetail("Its rows come from 100ms and are not stored.")));
	}
}

static void
get_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid oid)
{
	ForeignTable *options = GetForeignTable(oid);
	Relation	table = table_open(oid, NoLock);
	FdwRel	   *fdw = palloc0(sizeof(FdwRel));
	AttrNumber	room;

	check_system_columns(rel, oid);
	fdw->server = options->serverid;
	fdw->list.rel = rel;
	fdw->list.endpoint = endpoint_of(options);
	fdw->list.columns = members_of(table, options, &room);
	fdw->list.ncolumns = RelationGetDescr(table)->natts;
	for (int i = 0; i < fdw->list.ncolumns; i++)
	{
		if (!is_plain(TupleDescAttr(RelationGetDescr(table), i)))
			fdw->list.columns[i] = NULL;
	}
	table_close(table, NoLock);
	rel->fdw_private = fdw;
	rel->tuples = hms_reader_rows(fdw->list.endpoint, NULL);
	set_baserel_size_estimates(root, rel);
}

HmsList *
hms_fdw_list(RelOptInfo *rel)
{
	if (rel->fdwroutine == NULL || rel->fdw_private == NULL ||
		rel->fdwroutine->GetForeignRelSize != get_rel_size)
		return NULL;
	return &((FdwRel *) rel->fdw_private)->list;
}

static void
add_foreign_path(PlannerInfo *root, const HmsList *list, Relids outer)
{
	ForeignPath *path = hms_create_foreign_path(root, list->rel, outer);

	hms_path_fill(root, list, &path->path, outer);
	add_path(list->rel, &path->path);
}

static void
get_paths(PlannerInfo *root, RelOptInfo *rel, Oid oid pg_attribute_unused())
{
	const HmsList *list = hms_fdw_list(rel);
	ListCell   *cell;

	add_foreign_path(root, list, rel->lateral_relids);
	foreach(cell, hms_path_outers(root, list))
		add_foreign_path(root, list, lfirst(cell));
}

/* What EXPLAIN calls a value: a column of another relation by its name, else "". */
static char *
name_of_value(PlannerInfo *root, Node *value)
{
	Var		   *var = (Var *) value;
	RangeTblEntry *rte;

	while (IsA(var, RelabelType))
		var = (Var *) ((RelabelType *) var)->arg;
	if (!IsA(var, Var) || var->varlevelsup != 0 || var->varattno < 1)
		return "";
	rte = planner_rt_fetch(var->varno, root);
	return psprintf("%s.%s", quote_identifier(rte->eref->aliasname),
					quote_identifier(get_rte_attribute_name(rte, var->varattno)));
}

/* What a plan keeps: filters, columns that are looked at, names of values. */
static ForeignScan *
get_plan(PlannerInfo *root, RelOptInfo *rel, Oid oid pg_attribute_unused(),
		 ForeignPath *path pg_attribute_unused(), List *tlist, List *clauses,
		 Plan *outer_plan)
{
	Bitmapset  *looked_at = NULL;
	List	   *columns = NIL;
	List	   *names = NIL;
	List	   *values;
	List	   *filters;
	ListCell   *cell;
	int			i = -1;

	filters = hms_filters_to_plan(hms_path_filters(root, hms_fdw_list(rel), clauses, NULL),
								  &values);
	clauses = extract_actual_clauses(clauses, false);
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &looked_at);
	pull_varattnos((Node *) clauses, rel->relid, &looked_at);
	while ((i = bms_next_member(looked_at, i)) >= 0)
		columns = lappend_int(columns, i + FirstLowInvalidHeapAttributeNumber);
	foreach(cell, values)
		names = lappend(names, makeString(name_of_value(root, lfirst(cell))));
	return make_foreignscan(tlist, clauses, rel->relid, values,
							list_make3(filters, columns, names), NIL, NIL, outer_plan);
}

/* INSERT, UPDATE and DELETE, before anything is read. */
static List *
refuse_modify(PlannerInfo *root, ModifyTable *plan, Index relation,
			  int subplan pg_attribute_unused())
{
	static const char *const words[] = {
		[CMD_UPDATE] = "update", [CMD_INSERT] = "insert into", [CMD_DELETE] = "delete from",
	};
	RangeTblEntry *rte = planner_rt_fetch(relation, root);
	const HmsEndpoint *endpoint = endpoint_of(GetForeignTable(rte->relid));

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot %s foreign table \"%s\"",
					plan->operation <= CMD_DELETE ? words[plan->operation] : "change",
					get_rel_name(rte->relid)),
			 endpoint->writers ?
			 errhint("Functions change what is at 100ms: %s.", endpoint->writers) :
			 errhint("Nothing at 100ms is changed by this; hms_help() lists the functions there are.")));
	return NIL;					/* keep compiler quiet */
}

/* --- executing ----------------------------------------------------------------------- */

/* The type in which a column is made of JSON, from which it is cast to its own. */
static Oid
made_type(Oid type)
{
	char		category;
	bool		preferred;

	switch (type)
	{
		case TEXTOID:
		case BOOLOID:
		case INT4OID:
		case INT8OID:
		case FLOAT8OID:
		case TIMESTAMPTZOID:
		case JSONBOID:
		case TEXTARRAYOID:
			return type;
		case INT2OID:
			return INT4OID;
		case FLOAT4OID:
			return FLOAT8OID;
		case TIMESTAMPOID:
		case DATEOID:
			return TIMESTAMPTZOID;
		case JSONOID:
			return JSONBOID;
		default:
			break;
	}
	if (get_typtype(type) == TYPTYPE_DOMAIN)
		return made_type(getBaseType(type));
	if (OidIsValid(get_element_type(type)))
		return TEXTARRAYOID;
	get_type_category_preferred(type, &category, &preferred);
	if (category == TYPCATEGORY_COMPOSITE || category == TYPCATEGORY_PSEUDOTYPE)
		return InvalidOid;
	return TEXTOID;
}

/* What turns a value as it is made into the column's type, or NULL. */
static ExprState *
cast_to(Relation table, Form_pg_attribute column, Oid made, PlanState *parent)
{
	CaseTestExpr *value;
	Node	   *cast;

	if (column->atttypid == made && column->atttypmod == -1)
		return NULL;
	value = makeNode(CaseTestExpr);
	value->typeId = made;
	value->typeMod = -1;
	value->collation = get_typcollation(made);
	cast = OidIsValid(made) ?
		coerce_to_target_type(NULL, (Node *) value, made, column->atttypid, column->atttypmod,
							  made == TEXTOID || made == TEXTARRAYOID ?
							  COERCION_EXPLICIT : COERCION_ASSIGNMENT,
							  COERCE_IMPLICIT_CAST, -1) : NULL;
	if (cast == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("column \"%s\" of foreign table \"%s\" cannot be of type %s",
						NameStr(column->attname), RelationGetRelationName(table),
						format_type_be(column->atttypid))));
	return ExecInitExpr((Expr *) expression_planner((Expr *) cast), parent);
}

/* How the table's columns are filled: those that are looked at. */
static void
fill_columns(HmsReading *reading, Relation table, PlanState *parent, List *looked_at)
{
	TupleDesc	desc = RelationGetDescr(table);
	AttrNumber	room;
	const char **members = members_of(table, GetForeignTable(RelationGetRelid(table)), &room);
	bool		all = list_member_int(looked_at, 0);

	reading->is_composite = true;
	reading->row_type = RECORDOID;
	reading->row_desc = CreateTemplateTupleDesc(desc->natts);
	reading->columns = palloc(sizeof(AttrNumber) * Max(desc->natts, 1));
	reading->casts = palloc0(sizeof(ExprState *) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		AttrNumber	number = column->attnum;
		Oid			made = column->attisdropped ? TEXTOID : made_type(column->atttypid);

		/* a dropped column has a name that no member has */
		TupleDescInitEntry(reading->row_desc, number,
						   members[i] ? members[i] : NameStr(column->attname),
						   OidIsValid(made) ? made : TEXTOID, -1, 0);
		reading->columns[i] = HMS_NO_COLUMN;
		if (column->attisdropped || !(all || list_member_int(looked_at, number)))
			continue;
		reading->columns[i] = number == room ? HMS_ROOM_COLUMN : number;

		/* a member of several columns is made for the first of them */
		for (int j = 0; j < i && number != room; j++)
		{
			if (members[j] && strcmp(members[j], members[i]) == 0)
			{
				reading->columns[i] = j + 1;
				made = TupleDescAttr(reading->row_desc, j)->atttypid;
				break;
			}
		}
		reading->casts[i] = cast_to(table, column, made, parent);
	}
	reading->row_desc = BlessTupleDesc(reading->row_desc);
}

static void
begin_scan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	EState	   *estate = node->ss.ps.state;
	ForeignTable *options = GetForeignTable(RelationGetRelid(node->ss.ss_currentRelation));
	HmsReading	reading = {.endpoint = endpoint_of(options), .server = options->serverid};

	reading.user = hms_user_of_scan(plan, estate);
	reading.filters = hms_filters_from_plan(linitial(plan->fdw_private), plan->fdw_exprs);
	reading.names = lthird(plan->fdw_private);
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		fill_columns(&reading, node->ss.ss_currentRelation, &node->ss.ps,
					 lsecond(plan->fdw_private));
	node->fdw_state = hms_reader_create(&node->ss, estate, eflags, &reading);
}

static TupleTableSlot *
iterate_scan(ForeignScanState *node)
{
	hms_reader_next(node->fdw_state, node->ss.ss_ScanTupleSlot);
	return node->ss.ss_ScanTupleSlot;
}

static void
rescan(ForeignScanState *node)
{
	hms_reader_rescan(node->fdw_state);
}

static void
end_scan(ForeignScanState *node)
{
	if (node->fdw_state)
		hms_reader_end(node->fdw_state);
}

static void
explain_scan(ForeignScanState *node, ExplainState *es)
{
	hms_reader_explain(list_make1(node->fdw_state), NIL, es);
}

/* --- as the inner relation of a join ---------------------------------------------------- */

/* The columns of the table that are looked at, as numbers; those of the system < 0. */
static Bitmapset *
looked_at_columns(const RelOptInfo *rel, List *conditions)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	foreach(cell, conditions)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &columns);
	return columns;
}

/* A join makes columns of the table, not its whole row or those of the system. */
static bool
join_owns(const Path *path)
{
	const RelOptInfo *rel = path->parent;
	Bitmapset  *columns;

	if (!IsA(path, ForeignPath) || hms_fdw_list((RelOptInfo *) rel) == NULL)
		return false;
	columns = looked_at_columns(rel, rel->baserestrictinfo);
	return bms_is_empty(columns) ||
		bms_next_member(columns, -1) > -FirstLowInvalidHeapAttributeNumber;
}

/* What is kept: filters, and the OIDs of the table, its server and the user. */
static List *
join_to_plan(PlannerInfo *root, RelOptInfo *rel, List *conditions, List **exprs)
{
	List	   *filters = hms_path_filters(root, hms_fdw_list(rel), conditions, NULL);
	Oid			table = planner_rt_fetch(rel->relid, root)->relid;

	return list_make2(hms_filters_to_plan(filters, exprs),
					  list_make3_oid(table, ((FdwRel *) rel->fdw_private)->server,
									 rel->userid));
}

static void
join_reading(HmsReading *reading, List *kept, List *exprs)
{
	List	   *oids = lsecond(kept);

	reading->endpoint = endpoint_of(GetForeignTable(linitial_oid(oids)));
	reading->server = lsecond_oid(oids);
	reading->user = OidIsValid(lthird_oid(oids)) ? lthird_oid(oids) : GetUserId();
	reading->filters = hms_filters_from_plan(linitial(kept), exprs);
}

/* The executor holds a lock on the table. */
static void
join_columns(HmsReading *reading, List *kept, List *targets, int first,
			 PlanState *parent)
{
	Relation	table = table_open(linitial_oid(lsecond(kept)), NoLock);
	int			count = list_length(targets);
	List	   *looked_at = NIL;
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(count, 1));
	ExprState **casts = palloc0(sizeof(ExprState *) * Max(count, 1));
	ListCell   *cell;

	for_each_from(cell, targets, first)
		looked_at = lappend_int(looked_at,
								castNode(Var, lfirst_node(TargetEntry, cell)->expr)->varattno);
	fill_columns(reading, table, parent, looked_at);
	for (int i = 0; i < count; i++)
	{
		columns[i] = HMS_NO_COLUMN;
		if (i >= first)
		{
			int			number = list_nth_int(looked_at, i - first);

			columns[i] = reading->columns[number - 1];
			casts[i] = reading->casts[number - 1];
		}
	}
	reading->columns = columns;
	reading->casts = casts;
	table_close(table, NoLock);
}

const HmsFront hms_fdw_front = {
	.owns = join_owns,
	.to_plan = join_to_plan,
	.reading = join_reading,
	.columns = join_columns
};

/* --- IMPORT FOREIGN SCHEMA ------------------------------------------------------------ */

/* CREATE FOREIGN TABLE for an endpoint. */
static char *
create_table(const HmsEndpoint *endpoint, const ForeignServer *server)
{
	TupleDesc	row = lookup_rowtype_tupdesc_copy(row_type(server->serverid, endpoint), -1);
	StringInfoData sql;
	const char *comma = "";

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(endpoint->table));
	if (adds_room(endpoint, row))
	{
		appendStringInfoString(&sql, "room_id pg_catalog.text");
		comma = ", ";
	}
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(row, i);

		if (column->attisdropped)
			continue;
		appendStringInfo(&sql, "%s%s %s", comma, quote_identifier(NameStr(column->attname)),
						 format_type_extended(column->atttypid, column->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN |
											  FORMAT_TYPE_FORCE_QUALIFY));
		comma = ", ";
	}
	appendStringInfo(&sql, ") SERVER %s OPTIONS (endpoint %s)",
					 quote_identifier(server->servername), quote_literal_cstr(endpoint->table));
	return sql.data;
}

static List *
import_schema(ImportForeignSchemaStmt *statement, Oid server)
{
	const HmsEndpoint *endpoint;
	List	   *commands = NIL;
	ListCell   *cell;

	if (strcmp(statement->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("there is no foreign schema \"%s\"", statement->remote_schema),
				 errhint("The only one is \"%s\".", REMOTE_SCHEMA)));
	foreach(cell, statement->options)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", lfirst_node(DefElem, cell)->defname),
				 errhint("There are no valid options in this context.")));
	foreach(cell, statement->table_list)
	{
		const char *name = lfirst_node(RangeVar, cell)->relname;

		if (table_endpoint(name) == NULL)
			ereport(WARNING,
					(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					 errmsg("there is no foreign table \"%s\"", name),
					 errdetail_internal("%s", hms_fdw_endpoint_fault(name))));
	}
	for (int i = 0; (endpoint = hms_endpoint_at(i)) != NULL; i++)
	{
		if (endpoint->table)
			commands = lappend(commands, create_table(endpoint, GetForeignServer(server)));
	}
	return commands;
}

/* Give a table that was imported, and its columns, the comments of the row's type. */
static void
comment_on(Oid table, const HmsEndpoint *endpoint, Oid server)
{
	Oid			type = row_type(server, endpoint);
	Oid			class = get_typ_typrelid(type);
	TupleDesc	row = lookup_rowtype_tupdesc_copy(type, -1);
	char	   *comment = GetComment(type, TypeRelationId, 0);

	if (comment && GetComment(table, RelationRelationId, 0) == NULL)
		CreateComments(table, RelationRelationId, 0, comment);
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(row, i);

		comment = column->attisdropped ? NULL :
			GetComment(class, RelationRelationId, column->attnum);
		if (comment)
			CreateComments(table, RelationRelationId,
						   get_attnum(table, NameStr(column->attname)), comment);
	}
}

/* Is this server one of ours? */
static bool
is_our_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);
	Oid			handler = server ? GetForeignDataWrapper(server->fdwid)->fdwhandler : InvalidOid;
	FmgrInfo	function;

	/* looking a function up may load its library: not one of somebody else's */
	if (!OidIsValid(handler) || strcmp(get_func_name(handler), "fdw_handler") != 0)
		return false;
	fmgr_info(handler, &function);
	return function.fn_addr == hms_fdw_handler;
}

/* A table was imported: give it comments, if it is one of ours. */
static void
comment_on_imported(const CreateForeignTableStmt *statement)
{
	const char *name = option(statement->options, "endpoint");
	const HmsEndpoint *endpoint = name ? table_endpoint(name) : NULL;
	Oid			table;

	if (endpoint == NULL || !is_our_server(statement->servername))
		return;
	CommandCounterIncrement();
	table = RangeVarGetRelid(statement->base.relation, NoLock, false);
	comment_on(table, endpoint, GetForeignServerIdByRelId(table));
}

/*
 * IMPORT FOREIGN SCHEMA runs CREATE FOREIGN TABLE as a part of itself, when it
 * has asked our handler, so by then the library is there, preloaded or not.
 */
static void
process_utility(PlannedStmt *statement, const char *text, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *receiver,
				QueryCompletion *completion)
{
	if (next_utility)
		next_utility(statement, text, read_only, context, params, environment, receiver,
					 completion);
	else
		standard_ProcessUtility(statement, text, read_only, context, params,
								environment, receiver, completion);
	if (context == PROCESS_UTILITY_SUBCOMMAND &&
		IsA(statement->utilityStmt, CreateForeignTableStmt))
		comment_on_imported((const CreateForeignTableStmt *) statement->utilityStmt);
}

void
hms_fdw_init(void)
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

/* fdw_handler() */
Datum
hms_fdw_handler(FunctionCallInfo fcinfo pg_attribute_unused())
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = get_rel_size;
	routine->GetForeignPaths = get_paths;
	routine->GetForeignPlan = get_plan;
	routine->BeginForeignScan = begin_scan;
	routine->IterateForeignScan = iterate_scan;
	routine->ReScanForeignScan = rescan;
	routine->EndForeignScan = end_scan;
	routine->ExplainForeignScan = explain_scan;
	routine->PlanForeignModify = refuse_modify;
	routine->ImportForeignSchema = import_schema;
	PG_RETURN_POINTER(routine);
}
